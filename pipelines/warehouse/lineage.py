"""From rows of any table of a night's database down to the lines of clinics' files that they rest on.

A table rests on the tables its SQL reads, and there on the rows that agree in every key both have: a participant's
row of a mart on all sessions, forms and events of that participant, an outcome on the answers or trials of its day.
Where that is more than was used, no line is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from pipelines import measures
from pipelines.contracts.model import Contract
from pipelines.contracts.sql_text import literal
from pipelines.warehouse import monitoring
from pipelines.warehouse.order import reads

_KEYS = (
    "participant_id", "clinic_id", "visit_code", "study_day", "session_no", "trial_no", "lab_direction_code", "measure", "scale", "form",
)  # fmt: skip
_SENT_TOO = {"core_answer", "ledger_delivery", "ledger_finding", "quarantine_row", "ref_query"}
_BASELINE_TOO = "(i.visit_code = n.visit_code OR i.visit_code IN (SELECT visit_code FROM ref_visit WHERE is_baseline))"
LINES = pl.Schema({"table_name": pl.String, "delivery_id": pl.String, "row_no": pl.Int64})


@dataclass(frozen=True)
class _Part:
    """A table that another rests on: `i` are its rows, `n` those above. `but` are keys that need not agree."""

    table: str
    but: tuple[str, ...] = ()
    where: str = ""


_REGISTER = _Part("core_participant", ("study_day",))  # whose day is that of consent


class Lineage:
    """What rests on what in one database; `sql` is the folder of the SQL files it was built with."""

    def __init__(self, con: duckdb.DuckDBPyConnection, contract: Contract, sql: Path) -> None:
        self._con = con
        self._columns: dict[str, set[str]] = {}
        for table, column in con.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
        ).fetchall():
            self._columns.setdefault(table, set()).add(column)
        self._sent = _SENT_TOO | {f"core_{name}" for name in contract.tables}
        self._parts = _parts(contract, sql)
        for table, parts in self._parts.items():  # the arm of a participant is the register's
            if "participant_id" in self._columns.get(table, ()) and _REGISTER not in parts:
                parts.append(_REGISTER)

    def lines(
        self, table: str, condition: str, carry: Sequence[str] = (), only: pl.Series | None = None
    ) -> pl.DataFrame:
        """The lines under the rows of `table` that meet the condition: `carry` and LINES, each once, in order.

        `carry` are columns of `table`, to tell its rows apart; `only` are the deliveries asked about. A delivery counted as a whole has no row_no. What only
        the closed database holds is not found in the open one.
        """
        steps: list[str] = []
        leaves: list[str] = []
        if only is not None:
            self._con.register("only_delivery", only.to_frame("delivery_id").to_arrow())
        end = "" if only is None else " AND i.delivery_id IN (FROM only_delivery)"
        self._descend(_Part(table, where=condition), None, tuple(carry), steps, leaves, end)
        if not leaves:
            kept = self._con.execute(f"SELECT {', '.join(carry) or '1'} FROM {table} LIMIT 0").pl()
            return pl.concat([kept.select(carry), LINES.to_frame()], how="horizontal")
        query = f"WITH {', '.join(steps)} SELECT * FROM ({' UNION '.join(leaves)})"
        if only is not None:
            query += " SEMI JOIN only_delivery USING (delivery_id)"
        found = self._con.execute(f"{query} ORDER BY ALL").pl()
        return found.cast(dict(LINES))

    def is_of_everything(self, table: str) -> bool:
        """Whether each row of the table rests on the same lines: those of all participants."""
        parts = self._parts.get(table, [])
        return any(part.but == _KEYS for part in parts)

    def _descend(
        self,
        part: _Part,
        above: tuple[str, str] | None,
        carry: tuple[str, ...],
        steps: list[str],
        leaves: list[str],
        end: str,
        path: tuple[str, ...] = (),
    ) -> None:
        """Adds the rows of one table as a step, its lines where clinics sent it, and whatever it rests on.

        `end` narrows the tables below which there is nothing more, for a clinic's comparison rests on every line of the study.
        """
        if part.table not in self._columns:
            return
        mine, is_sent, name = self._columns[part.table], part.table in self._sent, f"n{len(steps)}"
        line = [c for c in ("delivery_id", "row_no") if is_sent and c in mine]
        own = [c for c in (*_KEYS, *line) if c in mine and c not in carry]
        if above is None:
            made = (
                f"SELECT DISTINCT {', '.join([*carry, *own])} FROM {part.table} WHERE {part.where}"
            )
        else:
            shared = [c for c in _KEYS if c in mine & self._columns[above[1]] and c not in part.but]
            agree = [*(f"i.{c} = n.{c}" for c in shared), *([part.where] if part.where else [])]
            wanted = ", ".join([*(f"n.{c}" for c in carry), *(f"i.{c}" for c in own)])
            narrowed = end if is_sent and not self._parts.get(part.table) else ""
            made = f"SELECT DISTINCT {wanted} FROM {part.table} AS i JOIN {above[0]} AS n ON {' AND '.join(agree) or 'true'}{narrowed}"
        steps.append(f"{name} AS MATERIALIZED ({made})")
        if is_sent:
            row = "row_no" if "row_no" in line else "NULL"
            # an answer is a line of its form
            of = (
                "measure"
                if part.table == "core_answer"
                else literal(part.table.removeprefix("core_"))
            )
            leaves.append(
                f"SELECT {''.join(f'{c}, ' for c in carry)}{of} AS table_name, delivery_id, {row} AS row_no FROM {name}"
            )
        parts = self._parts.get(part.table, [])
        if above is None and "participant_id" in mine and part.table != _REGISTER.table:
            parts = parts or [_REGISTER]
        for below in parts:
            if below.table not in (
                *path,
                part.table,
            ):  # two tables may each look for rows of the other
                self._descend(
                    below, (name, part.table), carry, steps, leaves, end, (*path, part.table)
                )


def _parts(contract: Contract, sql: Path) -> dict[str, list[_Part]]:
    """What each table that is made here rests on. Tables that clinics send rest on nothing but their own lines."""
    made = {
        path.stem: [
            _REGISTER if table == _REGISTER.table else _Part(table)
            for table in sorted(reads(path.read_text(encoding="utf-8"), path.name))
            if not table.startswith("ref_")
        ]
        for folder in ("core", "marts")
        for path in sorted((sql / folder).glob("*.sql"))
    }
    # a change from baseline rests on the baseline too, and one value of a visit was chosen among all of it
    made["mart_outcome"] = [
        _Part(
            "core_outcome",
            ("visit_code", "study_day"),
            _BASELINE_TOO,
        ),
    ]
    made["mart_completeness"] = [_REGISTER, *_forms(contract)]
    # a stance counts where the other way was walked too, and a turned one is told among the person's others
    of_the_day = ("lab_direction_code", "trial_no")
    made["core_knee_load"] = [
        _REGISTER,
        _Part("core_lab_trial", of_the_day),
        _Part("core_knee_moment", of_the_day),
    ]
    # a day of walks is compared with the same person's other days
    made["core_wear_owner"] = [_Part("core_wear_bout", ("study_day",))]
    # a row is held unless what its rules look for is there, as the assignment of a device
    for name, one in contract.tables.items():
        needed = {
            rule.exists.table for rule in one.across.values() if rule.severity == "quarantine"
        } - {"participant"}
        made[f"core_{name}"] = [_Part(f"core_{other}", ("study_day",)) for other in sorted(needed)]
    made["core_outcome"] = _scored()
    # a form due is asked about for what it tells of change
    made["core_expected_form"] = [_REGISTER, *_forms(contract, ("visit_code",), _BASELINE_TOO)]
    # a clinic is compared with all others
    made["core_monitoring"] = [_Part(f"core_{name}", _KEYS) for name in monitoring.READS]
    return made


def _forms(contract: Contract, but: tuple[str, ...] = (), where: str = "true") -> list[_Part]:
    """What came of a form at a visit."""
    tables = [
        name
        for name, one in contract.tables.items()
        if one.answers is None and "visit_code" in one.fields
    ]
    return [
        _Part("core_answer", but, f"i.measure = n.form AND {where}"),
        *(_Part(f"core_{name}", but, f"n.form = {literal(name)} AND {where}") for name in tables),
    ]  # fmt: skip


def _scored() -> list[_Part]:
    """The tables that measures read; answers of the very form, the others of the same person and day."""
    found = []
    for table in sorted({one.MEASURE.reads for one in measures.discovered().values()}):
        of = {
            name: one.MEASURE
            for name, one in measures.discovered().items()
            if one.MEASURE.reads == table
        }
        if table == "answer":
            pairs = ", ".join(
                f"({literal(name)}, {literal(one.form or name)})" for name, one in of.items()
            )
            where = f"(n.measure, i.measure) IN ({pairs})"
        else:
            where = f"n.measure IN ({', '.join(map(literal, of))})"
        found.append(_Part(f"core_{table}", ("measure", "scale"), where))
    return found
