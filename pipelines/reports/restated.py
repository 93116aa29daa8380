"""What moved since the last night: each number that is another now, and the files and corrections that moved it."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines import files
from pipelines.reports import results
from pipelines.reports.layout import blocks
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source
from pipelines.warehouse.lineage import Lineage

NAME, TITLE = "restatement", "What moved since the last night"
_KEYS = ["report", "statistic", "group", "_nth"]
_DIGITS = 4  # significant ones; what moves beyond them no page shows
_SHOWN = 60
_STATES = {
    "superseded": "replaced by a later version",
    "removed": "taken out",
    "corrected": "corrected by the study office",
}
_REPLACED = pl.Schema(
    dict.fromkeys(("table_name", "clinic_id", "state", "replaced_by_delivery_id"), pl.String) | {"replaced_by_row_no": pl.Int64}
)  # fmt: skip


@dataclass(frozen=True)
class Before:
    """What an earlier night's pages said, and of when."""

    cutoff: dt.datetime
    cutoff_text: str
    code_version: str
    numbers: pl.DataFrame  # results.RESULTS


def last_night(folder: Path, audience: str, facts_name: str) -> Before | None:
    """The night before the one of this folder, among its neighbours; None where none kept its results."""
    for earlier in sorted(folder.parent.glob(f"*/{facts_name}"), reverse=True):
        found = results.read(earlier.parent / audience)
        if earlier.parent.name < folder.name and found is not None:
            facts = files.read_json(earlier)
            at = dt.datetime.strptime(facts["cutoff"], "%Y-%m-%d %H:%M UTC")
            return Before(at, facts["cutoff"], facts["code_version"], found)
    return None


def replaced(closed: Source, since: dt.datetime) -> pl.DataFrame:
    """Rows that counted on an earlier night and do not now (_REPLACED), from the closed database's history."""
    queries = [
        f"SELECT '{table}' AS table_name, clinic_id, state, replaced_by_delivery_id, replaced_by_row_no "
        f"FROM history_{table} WHERE replaced_utc > $1"
        for table in closed.contract.tables
    ]
    found = closed.rows(f"{' UNION ALL '.join(queries)} ORDER BY ALL", [since])
    return found.cast(dict(_REPLACED))


def moved(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """The numbers of `now` that were others in `before`: RESULTS with `was` and `n_was`.

    Numbers are matched by report, statistic and group; those of one night only are not listed.
    """
    was = _nth(before).select(*_KEYS, was="value", n_was="n")
    both = _nth(now).join(was, on=_KEYS, how="inner", maintain_order="left")
    seen = [pl.col(name).round_sig_figs(_DIGITS) for name in ("value", "was")]
    return both.filter(seen[0] != seen[1]).drop("_nth")


def _nth(numbers: pl.DataFrame) -> pl.DataFrame:
    return numbers.with_columns(_nth=pl.int_range(pl.len()).over("report", "statistic", "group"))


def moved_by(
    source: Source, lineage: Lineage, found: pl.DataFrame, gone: pl.DataFrame, since: dt.datetime
) -> pl.DataFrame:
    """The moved numbers with `because`, the files received since then that hold lines under them, and `is_restated`.

    A number is restated where one of its lines took the place of an earlier one, or where fewer stand behind it.
    """
    new = _new_files(source, since)
    successors = gone.select(
        delivery_id="replaced_by_delivery_id", row_no="replaced_by_row_no", succeeds=True
    )
    successors = successors.drop_nulls().unique()
    told = []
    places = found.select("table_name", "condition").unique(maintain_order=True)
    for (name,), mine in places.group_by("table_name", maintain_order=True):
        told += _told_of(source, lineage, name, mine["condition"], new, successors)
    schema = dict.fromkeys(("table_name", "condition", "because"), pl.String) | {
        "succeeds": pl.Boolean
    }
    because = pl.DataFrame(told, schema=schema, orient="row")
    fewer = (pl.col("n") < pl.col("n_was")).fill_null(False)
    return (
        found.join(because, on=["table_name", "condition"], how="left", maintain_order="left")
        .with_columns(is_restated=pl.col("succeeds") | fewer)
        .drop("succeeds")
    )  # fmt: skip


def _told_of(
    source: Source, lineage: Lineage, name: str, conditions: pl.Series, new: pl.DataFrame, successors: pl.DataFrame
) -> list[tuple]:  # fmt: skip
    """For each condition on one table: the new files under its rows, and whether one of their lines succeeds another."""
    apart = [] if lineage.is_of_everything(name) else ["rowid"]
    under = lineage.lines(name, "true", apart, only=new["delivery_id"])
    under = under.join(successors, on=["delivery_id", "row_no"], how="left")
    under = under.group_by(*apart, "delivery_id").agg(pl.col("succeeds").any())
    source.con.register("line_under", under.to_arrow())
    told = []
    for condition in conditions:
        which = f"SEMI JOIN (SELECT rowid FROM {name} WHERE {condition}) AS r USING (rowid)" if apart else ""  # fmt: skip
        found = source.rows(f"SELECT delivery_id, succeeds FROM line_under {which}")
        places = new.join(found, on="delivery_id", how="semi")["place"].to_list()
        told.append((name, condition, _listed(places), found["succeeds"].any()))
    source.con.unregister("line_under")
    return told


def _new_files(source: Source, since: dt.datetime) -> pl.DataFrame:
    """The files received since then, by clinic and name, counted from 1 (`place`)."""
    return source.rows(
        """
        SELECT row_number() OVER (ORDER BY clinic_id, file_name, delivery_id) AS place, clinic_id, file_name, delivery_id, n_received,
            n_accepted FROM ledger_delivery WHERE received_utc > ? ORDER BY place
    """,
        [since],
    )


def _listed(places: list[int]) -> str:
    """The files' numbers, runs of three and more as one: `1, 4-7`; why none where there are none."""
    if not places:
        return "none: rows no longer count, or time went on"
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return ", ".join(
        f"{a}-{b}" if b - a > 1 else ", ".join(map(str, range(a, b + 1))) for a, b in runs
    )


def page(
    source: Source, lineage: Lineage, now: pl.DataFrame, before: Before, gone: pl.DataFrame
) -> blocks.Page:
    """One page per audience: what was replaced, then the numbers that it moved, then those that moved with new data."""
    found = moved_by(source, lineage, moved(before.numbers, now), gone, before.cutoff)
    again, other = found.filter("is_restated"), found.filter(~pl.col("is_restated"))
    same = before.code_version == source.code_version
    told = (
        f"Of {number(now.height)} numbers in this night's reports, {number(found.height)} are others than on {before.cutoff_text}. "
        f"{number(again.height)} of them are restated: something that counted then was replaced, taken out or corrected. "
        "The others moved as data came in. "
        + ("Code and declarations are the same as then." if same
           else "The code or the study's declarations have changed since, which alone can move numbers.")
    )  # fmt: skip
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, report=NAME, summary=(blocks.Paragraph(told),),
        sections=(
            _gone(source, gone),
            _section(again, "Restated numbers", "Numbers under which an earlier value was replaced, taken out or corrected", source),
            _section(other, "Moved with new data", "Numbers that moved as data came in, or as time went on", source),
            _files(source, before.cutoff),
        ),
        footnotes=(
            f"A number has moved where its first {number(_DIGITS)} digits have. Limits of intervals move with their estimates and are not listed. "
            "Files are those received since that night with lines that the number rests on; `backstep trace` gives every line.",
        ),
    )  # fmt: skip


def _gone(source: Source, gone: pl.DataFrame) -> blocks.Section:
    by = source.rows(
        "SELECT delivery_id AS replaced_by_delivery_id, file_name FROM ledger_delivery"
    )
    counted = (
        gone.join(by, on="replaced_by_delivery_id", how="left")
        .with_columns(pl.col("state").replace(_STATES))
        .group_by("clinic_id", "table_name", "state", "file_name")
        .agg(n=pl.len())
        .sort("clinic_id", "table_name", "state", "file_name", nulls_last=True)
    )
    columns = [
        Column("clinic_id", "Clinic"), Column("table_name", "Form"), Column("state", "What became of it"),
        Column("file_name", "By the file"), Column("n", "Rows", "number"),
    ]  # fmt: skip
    return blocks.Section(
        "What no longer counts", (table(counted, columns, title="Rows that counted on that night"),)
    )


def _files(source: Source, since: dt.datetime) -> blocks.Section:
    columns = [
        Column("place", "File"), Column("clinic_id", "Clinic"), Column("file_name", "Name"),
        Column("n_received", "Rows", "number"), Column("n_accepted", "Accepted", "number"),
    ]  # fmt: skip
    return blocks.Section(
        "Files since then", (table(_new_files(source, since), columns, title="Received since that night"),)
    )  # fmt: skip


def _section(found: pl.DataFrame, heading: str, title: str, source: Source) -> blocks.Section:
    listed = found.filter(~pl.col("statistic").str.ends_with(" limit"))
    first = listed.head(_SHOWN)
    shown = first.with_columns(
        what=pl.concat_str("statistic", pl.col("group").replace("", None), separator="; ", ignore_nulls=True),
        place=pl.format("{} {}", "report", "number"),
        was=pl.Series([_written(value) for value in first["was"]], dtype=pl.String),
        value=pl.Series([_written(value) for value in first["value"]], dtype=pl.String),
        n=pl.when(pl.col("n") == pl.col("n_was")).then(pl.col("n").cast(pl.String)).otherwise(pl.format("{} → {}", "n_was", "n")),
    )  # fmt: skip
    columns = [
        Column("place", "Number"), Column("what", "What"), Column("was", "Was"), Column("value", "Is"),
        Column("n", "n"), Column("because", "By files"),
    ]  # fmt: skip
    note = (
        f"{number(_SHOWN)} of {number(listed.height)}; all are in {results.FILE} of both nights."
        if listed.height > _SHOWN
        else ""
    )
    by_arm = source.audience == "closed"
    return blocks.Section(heading, (table(shown, columns, title=title, note=note, by_arm=by_arm),))


def _written(value: float) -> str:
    """The value with as many digits as moves are judged by, no more than six after the point."""
    if value == int(value):
        return number(value)
    return number(value, min(6, max(0, _DIGITS - 1 - math.floor(math.log10(abs(value))))))
