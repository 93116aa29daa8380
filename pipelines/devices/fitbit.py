"""Exports of Fitbit and Google Health accounts, JSON and CSV, file by file as they are unpacked.

Used are steps and exercises. Distance, heart rate and sleep are recognised and refused by name:
none of them has a place in the study's tables, and a day of theirs would take the place of the
same day's steps.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.export_cells import read_text
from pipelines.devices.fitbit_csv import (
    EXERCISES_BEGIN,
    STEPS_HEADERS,
    exercises,
    steps_by_source,
)
from pipelines.devices.fitbit_json import entries, kind_of, step_slots
from pipelines.devices.fitbit_json import exercises as logged
from pipelines.devices.format import HEAD_BYTES, Format
from pipelines.errors import DeliveryRefused

MAX_BYTES = 8 << 20  # a month of minutes has 2.6 MB as JSON, 2 MB as CSV
_STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z,")


def recognise(head: bytes) -> bool:
    """Whether the first bytes are one of the series, logs or tables of an account's export."""
    return _kind(head) is not None


def read(path: Path, *, date_order: str | None = None) -> DeviceFile | tuple[DeviceFile, ...]:
    """Steps in quarter hours of UTC (see `utc_slots`), or exercises; dates say their own order."""
    with path.open("rb") as file:
        kind = _kind(file.read(HEAD_BYTES))
    if kind in ("nested", "sleep"):
        raise DeliveryRefused(
            "not_used",
            f"a file of {'sleep' if kind == 'sleep' else 'heart rate or fitness'}, which the study "
            "does not use",
            where=path.name,
            remedy="send the files whose names begin with steps, exercise or UserExercises",
        )
    text = read_text(path, MAX_BYTES)
    if kind == "series":
        return step_slots(entries(text, path.name), path.name)
    if kind == "exercise":
        return _one_or_more(logged(entries(text, path.name), path.name))
    if kind == "steps_csv":
        return _one_or_more(steps_by_source(text, path.name))
    if kind == "exercises_csv":
        return exercises(text, path.name)
    raise DeliveryRefused(
        "unknown_format", "no file of a Fitbit or Google Health export", where=path.name,
        remedy="send the files of the export as they are, unopened",
    )  # fmt: skip


def _one_or_more(found: tuple[DeviceFile, ...]) -> DeviceFile | tuple[DeviceFile, ...]:
    return found[0] if len(found) == 1 else found


def _kind(head: bytes) -> str | None:
    text = head.decode("utf-8-sig", errors="replace")
    if text.startswith(EXERCISES_BEGIN):
        return "exercises_csv"
    first, _, rest = text.partition("\n")
    if first.rstrip("\r") in STEPS_HEADERS and (not rest or _STAMPED.match(rest)):
        return "steps_csv"
    return kind_of(text)


FORMAT = Format(name="fitbit", makers=("Fitbit", "Google"), recognise=recognise, read=read)
