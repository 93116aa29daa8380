"""The order in which SQL files must run, read from the SQL itself."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from pipelines.errors import BuildStopped


def reads(sql: str, where: str) -> set[str]:
    """The tables that one SELECT reads, without its own CTEs. Raises BuildStopped unless it is one SELECT."""
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except SqlglotError:
        statements = []
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise BuildStopped(
            "this file is not one SELECT", where=where, remedy="keep one SELECT per file"
        )
    # By scope, since a CTE may bear the name of the very table that it reads.
    return {
        source.name
        for scope in traverse_scope(statements[0])
        for source in scope.sources.values()
        if isinstance(source, exp.Table)
    }


def build_order(folder: Path) -> list[Path]:
    """The folder's files, each after those it reads; equal ones by name."""
    paths = {path.stem: path for path in sorted(folder.glob("*.sql"))}
    graph = {
        name: reads(path.read_text(encoding="utf-8"), path.name) & set(paths)
        for name, path in paths.items()
    }
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as fault:
        raise BuildStopped(
            f"these tables read each other: {', '.join(fault.args[1])}",
            where=folder.name,
            remedy="move what they share into a table of its own",
        ) from None
    order: list[Path] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += [paths[name] for name in ready]
        sorter.done(*ready)
    return order
