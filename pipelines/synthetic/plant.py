"""Which fault goes into which record, what it does there, and which rules must then be found broken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from pipelines import clock
from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import rules_of
from pipelines.errors import BackstepError
from pipelines.synthetic.broken import as_sent, broken_rules, plain
from pipelines.synthetic.choose import GHOST_NUMBER, Chooser, Chosen, candidates
from pipelines.synthetic.faults import Fault, Place, Row
from pipelines.synthetic.truth import Trial

_TWIN_UID = 50_000_000  # the second of two records with one key
_PER_GROUP = {"koos items": 3, "berg items": 2, "pain items": 2}  # other groups: one
EXPECTED_SCHEMA = {
    "clinic_id": pl.String, "table_name": pl.String, "_uid": pl.Int64, "rule": pl.String, "kind": pl.String,
}  # fmt: skip

COPIES_SCHEMA = {
    "clinic_id": pl.String, "table_name": pl.String, "_uid": pl.Int64, "copy_uid": pl.Int64,
}  # fmt: skip


class CellText(NamedTuple):
    """The text that a field's cell gets instead of its own."""

    clinic_id: str
    table: str
    uid: int
    field: str
    text: str


class BrokenLine(NamedTuple):
    """A record whose line will be broken once it is written."""

    clinic_id: str
    table: str
    uid: int
    rule: str


@dataclass(frozen=True)
class Plan:
    """Everything that is wrong with a study's records, and what must be found."""

    edited: dict[str, dict[int, Row]]  # table -> uid -> new values
    added: dict[str, list[Row]]
    texts: tuple[CellText, ...]
    lines: tuple[BrokenLine, ...]
    expected: pl.DataFrame  # EXPECTED_SCHEMA; a record may break several rules
    copies: pl.DataFrame  # COPIES_SCHEMA: rows sent twice, word for word


def nothing() -> Plan:
    """The plan of a study without faults."""
    none = pl.DataFrame(schema=EXPECTED_SCHEMA)
    return Plan({}, {}, (), (), none, pl.DataFrame(schema=COPIES_SCHEMA))


def plan(
    contract: Contract, trial: Trial, faults: Iterable[Fault], rng: np.random.Generator
) -> Plan:
    """Gives each fault that fits a clinic a record of its own; no record gets two."""
    crowd = trial.records["participant"]["clinic_id"].value_counts()["count"].max() or 0
    if crowd >= GHOST_NUMBER:
        raise BackstepError(
            f"a clinic with {crowd} participants has no numbers left for made-up ones",
            where="the number of participants asked for",
            remedy=f"ask for fewer than {GHOST_NUMBER} a clinic, or for a study without faults",
        )
    chooser = Chooser(contract, trial, rng)
    taken: dict[str, int] = {}
    chosen = []
    for fault in faults:
        if fault.level == "file" or taken.get(fault.group, 0) >= _PER_GROUP.get(fault.group, 1):
            continue
        found = chooser.choose(fault)
        if found is not None:
            chosen.append(found)
            if fault.group:
                taken[fault.group] = taken.get(fault.group, 0) + 1
    return _settled(contract, chosen, chooser.copies())


def _settled(
    contract: Contract, chosen: list[Chosen], copies: list[tuple[Place, int, int]]
) -> Plan:
    edited: dict[str, dict[int, Row]] = {}
    added: dict[str, list[Row]] = {}
    texts: list[CellText] = []
    lines: list[BrokenLine] = []
    expected: list[tuple[str, str, int, str, str]] = []
    best = _best_edits(contract, chosen)
    for one, (edit, rules) in zip(chosen, best, strict=True):
        fault, clinic, uid = one.fault, one.place.clinic.clinic_id, one.row["_uid"]
        records = list(one.added)
        uids = [uid]
        if fault.level == "line":
            lines.append(BrokenLine(clinic, fault.table, uid, fault.rule))
        elif fault.level == "text":
            written = fault.texts(one.row, one.place)
            texts += [
                CellText(clinic, fault.table, uid, name, text) for name, text in written.items()
            ]
        elif fault.level == "row":
            twin = {**one.row, **edit, "_uid": uid + _TWIN_UID}
            records.append(twin)
            uids.append(twin["_uid"])
        elif one.added:
            records = [{**one.row, **edit}]
        else:
            edited.setdefault(fault.table, {})[uid] = edit
        if records:
            added.setdefault(fault.table, []).extend(records)
        expected += [(clinic, fault.table, u, rule, fault.kind) for u in uids for rule in rules]
    return Plan(
        edited, added, tuple(texts), tuple(lines),
        pl.DataFrame(expected, schema=EXPECTED_SCHEMA, orient="row"),
        pl.DataFrame(
            [(place.clinic.clinic_id, place.table, uid, copy) for place, uid, copy in copies],
            schema=COPIES_SCHEMA, orient="row",
        ),
    )  # fmt: skip


def _best_edits(contract: Contract, chosen: list[Chosen]) -> list[tuple[Row, list[str]]]:
    """For each fault the edit that breaks its rule and as few others as can be, and all it breaks."""
    tried: dict[str, list[tuple[int, Row, Row]]] = {}
    for number, one in enumerate(chosen):
        if one.fault.level == "line":
            continue
        edits = (
            [_blanked(one)]
            if one.fault.level == "text"
            else candidates(one.fault, one.place, one.row)
        )
        for edit in edits:
            tried.setdefault(one.fault.table, []).append(
                (number, edit, as_sent(one.place, {**one.row, **edit}))
            )
    best: dict[int, tuple[Row, list[str]]] = {}
    for table, attempts in tried.items():
        broken = broken_rules(contract, table, [row for _, _, row in attempts])
        own = {rule.name for rule in rules_of(contract, table) if not rule.from_faults} - {
            "one_row_per_key"
        }
        for (number, edit, _), rules in zip(attempts, broken, strict=True):
            rule = chosen[number].fault.rule
            if rule in own and rule not in rules:
                continue
            found = sorted({rule, *rules} - _said_already(chosen[number]))
            if number not in best or len(found) < len(best[number][1]):
                best[number] = (edit, found)
    return [best.get(number, ({}, [one.fault.rule] if one.fault.level == "line" else []))
            for number, one in enumerate(chosen)]  # fmt: skip


def _blanked(one: Chosen) -> Row:
    """The fields that a cell's text leaves empty once it is read."""
    at_change = one.fault.rule in (clock.NONEXISTENT, clock.AMBIGUOUS)
    return {
        name: None for name in one.fault.texts(one.row, one.place)
        if not (at_change and one.place.contract.fields[name].type == "date")
    }  # fmt: skip


def _said_already(one: Chosen) -> set[str]:
    """Rules that go without saying: a value that was given and cannot be read is not called missing too.

    A time shown twice is only doubtful; where the instant is needed, that it is missing must be said.
    """
    if one.fault.level != "text" or one.fault.rule == clock.AMBIGUOUS:
        return set()
    return {f"{name}_given" for name in _blanked(one)}


def applied(
    contract: Contract, planned: Plan, records: dict[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """The records with the plan's edits and additions, in the order of their clinics and numbers."""
    out = dict(records)
    for table in sorted({*planned.edited, *planned.added}):
        frame = records[table]
        edits = planned.edited.get(table, {})
        touched = frame.filter(pl.col("_uid").is_in(list(edits)))
        rows = [{**row, **edits[row["_uid"]]} for row in touched.iter_rows(named=True)]
        rows += [
            {name: row[name] for name in frame.columns} for row in planned.added.get(table, [])
        ]
        data = {
            name: [plain(row[name], kind) for row in rows] for name, kind in frame.schema.items()
        }
        kept = frame.filter(~pl.col("_uid").is_in(list(edits)))
        out[table] = pl.concat([kept, pl.DataFrame(data, schema=frame.schema)]).sort(
            "clinic_id", "_uid"
        )
    return out
