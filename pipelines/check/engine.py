"""Great Expectations on DuckDB: suites run as SQL over a connection that is already open, with no copy.

GX 1.24 has no DuckDB engine, and through duckdb-engine every metric fails: GX fetches rows after it gave
the connection back, and a DuckDB result dies with its connection. Here GX borrows the caller's own
connection for the length of one validation, so it sees the same views, temporary tables and open
transaction as the caller, and each result is read whole before GX gets it. Only aggregates are asked for.

Nothing outside is changed: the metrics are registered under this engine's name alone, and no SQLAlchemy
dialect or GX function is replaced.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import duckdb
from duckdb_engine import ConnectionWrapper, CursorWrapper

if TYPE_CHECKING:
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.validator.validator import Validator

# COUNT only: the lists of failing values and rows that GX also wants would leave DuckDB, cut short.
COUNTS = {"result_format": {"result_format": "BASIC", "partial_unexpected_count": 0}}
_LISTS = (".unexpected_values", "unexpected_rows_query.table")
_ROWS_WHERE = re.compile(
    r"\s*SELECT\s+[\w\s,*\"]+?\s+FROM\s+\{batch\}\s+WHERE\s+(?P<condition>.+)",
    re.IGNORECASE | re.DOTALL,
)
_MORE_THAN_A_CONDITION = re.compile(
    r"\b(SELECT|OVER|GROUP|HAVING|QUALIFY|WINDOW|ORDER|LIMIT|OFFSET|UNION|INTERSECT|EXCEPT|SAMPLE)\b|--|/\*",
    re.IGNORECASE,
)


class _Cursor(CursorWrapper):
    """A cursor that holds every row of its result, so that the next statement cannot spoil it."""

    description: Any = None
    rowcount = -1
    arraysize = 1

    def __init__(self, connection: duckdb.DuckDBPyConnection, wrapper: ConnectionWrapper) -> None:
        super().__init__(connection, wrapper)
        self._duckdb = connection
        self._rows: Iterator[tuple] = iter(())

    def execute(self, statement: str, parameters: Any = None, context: Any = None) -> None:
        super().execute(statement, parameters or None, context)
        self.description = self._duckdb.description
        self._rows = iter(self._duckdb.fetchall() if self.description else ())

    def fetchone(self) -> tuple | None:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple]:
        return list(islice(self._rows, size or self.arraysize))

    def fetchall(self) -> list[tuple]:
        return list(self._rows)


class _Borrowed(ConnectionWrapper):
    """The caller's connection as SQLAlchemy sees it: it can be read, not ended."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(connection)
        self._duckdb = connection

    def cursor(self) -> _Cursor:
        return _Cursor(self._duckdb, self)

    def begin(self) -> None:
        """Nothing: the transaction, if there is one, is the caller's; so too for the next three."""

    def commit(self) -> None:
        """Nothing."""

    def rollback(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@contextmanager
def quiet() -> Iterator[None]:
    """Great Expectations without its log: it prints failing values. Warnings stay where they were sent."""
    log = logging.getLogger("great_expectations")
    level, shown = log.level, warnings.showwarning
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
        if (
            warnings.showwarning is not shown
        ):  # importing GX sends every warning to the log, for all
            logging.captureWarnings(False)


@cache
def execution_engine_class() -> type[SqlAlchemyExecutionEngine]:
    """The GX execution engine for DuckDB; its metrics are registered on the first call."""
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine

    class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
        """Runs metrics on a borrowed DuckDB connection."""

        def resolve_metrics(self, metrics_to_resolve, metrics=None, runtime_configuration=None):
            lists = {m for m in metrics_to_resolve if m.metric_name.endswith(_LISTS)}
            counts = [m for m in metrics_to_resolve if m not in lists]
            found = super().resolve_metrics(counts, metrics, runtime_configuration)
            return {**found, **{m.id: [] for m in lists}}

    _register_metrics(DuckDBExecutionEngine)
    return DuckDBExecutionEngine


def _register_metrics(engine: type[SqlAlchemyExecutionEngine]) -> None:
    import sqlalchemy as sa
    from great_expectations.core.metric_domain_types import MetricDomainTypes
    from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
    from great_expectations.expectations.metrics.map_metric_provider import (
        ColumnMapMetricProvider,
        column_condition_partial,
    )
    from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
    from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

    class MatchRegex(ColumnMapMetricProvider):
        condition_metric_name = "column_values.match_regex"
        condition_value_keys = ("regex",)

        @column_condition_partial(engine=engine)
        def _duckdb(cls, column, regex, **kwargs):
            return sa.func.regexp_matches(column, sa.literal(regex))

    class NotMatchRegex(ColumnMapMetricProvider):
        condition_metric_name = "column_values.not_match_regex"
        condition_value_keys = ("regex",)

        @column_condition_partial(engine=engine)
        def _duckdb(cls, column, regex, **kwargs):
            return sa.not_(sa.func.regexp_matches(column, sa.literal(regex)))

    class ColumnTypes(TableMetricProvider):
        """The columns as DuckDB describes them; reflection reads `pg_catalog` in three slower queries."""

        metric_name = "table.column_types"
        value_keys = ("include_nested",)
        default_kwarg_values: ClassVar[dict[str, Any]] = {"include_nested": True}

        @metric_value(engine=engine)
        def _duckdb(cls, execution_engine, metric_domain_kwargs, **kwargs):
            table, _, _ = execution_engine.get_compute_domain(
                metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
            )
            empty = (
                sa.select(sa.text("*")).select_from(table).compile(dialect=execution_engine.dialect)
            )
            rows = execution_engine.execute_query(sa.text(f"DESCRIBE {empty}")).fetchall()
            return [{"name": row[0], "type": row[1]} for row in rows]

    class UnexpectedRowsCount(QueryMetricProvider):
        """The number of unexpected rows as an aggregate, so that all row rules share one scan."""

        metric_name = "unexpected_rows_query.row_count"
        value_keys = ("unexpected_rows_query",)
        query_param_name = "unexpected_rows_query"

        @metric_partial(
            engine=engine,
            partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
            domain_type=MetricDomainTypes.TABLE,
        )
        def _duckdb(cls, execution_engine, metric_domain_kwargs, metric_value_kwargs, **kwargs):
            query = cls._get_query_from_metric_value_kwargs(metric_value_kwargs)
            simple = _ROWS_WHERE.fullmatch(query)
            if simple and not _MORE_THAN_A_CONDITION.search(simple["condition"]):
                condition = cls._format_query(simple["condition"])
                count = f"count(*) FILTER (WHERE {condition})"
            else:
                table, _, _ = execution_engine.get_compute_domain(
                    metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
                )
                rows = cls._get_substituted_batch_subquery_from_query_and_batch_selectable(
                    query=query, batch_selectable=table, execution_engine=execution_engine
                )
                count = f"max((SELECT count(*) FROM ({rows}\n) AS unexpected))"
            return sa.literal_column(count), metric_domain_kwargs, {}


def validator(connection: duckdb.DuckDBPyConnection, view: str) -> Validator:
    """A GX validator over a table or view of this connection; use it inside `quiet`.

    Assumes that the connection is not used by another thread meanwhile.
    """
    import sqlalchemy as sa
    from great_expectations.core.batch import Batch
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
    from great_expectations.validator.validator import Validator

    class Quiet(Validator):
        def _determine_progress_bars(self) -> bool:
            return False

    engine = execution_engine_class()(
        engine=sa.create_engine(
            "duckdb://", creator=lambda: _Borrowed(connection), poolclass=sa.pool.StaticPool
        )
    )
    data = SqlAlchemyBatchData(execution_engine=engine, table_name=view, create_temp_table=False)
    return Quiet(execution_engine=engine, batches=[Batch(data=data)])
