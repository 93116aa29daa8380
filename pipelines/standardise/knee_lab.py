"""One gait lab file and its clinic's declaration -> a record per stance: peaks, mean moment, curve."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.contracts.lab import KneeLab
from pipelines.contracts.model import FileKind
from pipelines.contracts.shapes import Delivery, DeviceFile
from pipelines.devices import lab_files
from pipelines.devices.lab_file import LabFile
from pipelines.errors import DeliveryRefused
from pipelines.signals.stance_checks import side_is_swapped, sign_is_wrong, unit_is_likely
from pipelines.signals.stance_moment import N_POINTS, MomentUnit, over_stance, stance_numbers

UNITS: dict[str, MomentUnit] = {
    "nm": "Nm", "nm_per_kg": "Nm/kg", "nm_per_kg_m": "Nm/(kg*m)", "pct_bw_ht": "%BW*Ht",
}  # fmt: skip
CURVE_STEP = 2  # every second of the 101 points is kept: 51 numbers draw the same line
_STRIKE, _OFF = re.compile("strike|contact"), re.compile("off")
_PER_KG_SAID = re.compile(r"nmm|n\.?mm", re.IGNORECASE)


@dataclass(frozen=True)
class _Stance:
    """One stance as it stands in the file, in declared sign, both knees at 0 to 100 %."""

    trial_no: int
    side: str
    stance_no: int
    own: np.ndarray
    other: np.ndarray
    stance_s: float


def read_lab(delivery: Delivery, kind: FileKind) -> DeviceFile:
    """The stances of the file as records of `knee_moment`; the day is the one of the visit in the file's name.

    Raises DeliveryRefused where a declared column is not there or the file holds no stance.
    """
    lab = kind.lab
    name = re.fullmatch(kind.name, delivery.file_name)
    groups = name.groupdict() if name else {}
    day = _day(groups["assessed"], delivery.file_name)
    read = lab_files.read(lab.maker, delivery.raw_path, (lab.left, lab.right))
    if lab.maker == "c3d" and read.unit_said and _PER_KG_SAID.search(read.unit_said):
        _agree(lab, read.unit_said, delivery.file_name)
    stances = list(_stances(read, lab, groups, delivery.file_name))
    if not stances:
        raise DeliveryRefused(
            "no_records",
            "the file holds no stance: no pair of foot contact and lift-off",
            where=delivery.file_name,
            remedy="mark foot contact and lift-off in the lab's software and export again",
        )
    curves = np.stack([one.own for one in stances])
    numbers = stance_numbers(curves, np.ones(len(curves)))
    records = pl.DataFrame({
        "row_no": np.arange(1, len(stances) + 1),
        "assessed_date": [day] * len(stances),
        "trial_no": [one.trial_no for one in stances],
        "stance_side_code": [one.side for one in stances],
        "stance_no": [one.stance_no for one in stances],
        "moment_unit_code": [lab.unit] * len(stances),
        "stance_s": [one.stance_s for one in stances],
        "moment_curve": [_as_text(one.own) for one in stances],
    }).with_columns(pl.col("stance_s").fill_nan(None))  # fmt: skip
    records = records.hstack(
        numbers.select(
            first_peak_sent="ekam_first_peak_nm_per_kg", first_peak_pct="first_peak_pct",
            first_peak_absent="first_peak_absent",
            second_peak_sent="ekam_second_peak_nm_per_kg", second_peak_pct="second_peak_pct",
            second_peak_absent="second_peak_absent",
            moment_mean_sent="kaai_nms_per_kg", moment_positive_sent="kaai_positive_nms_per_kg",
        )
    )  # fmt: skip
    found = [(int(no), rule) for no, rule in _findings(stances, curves, lab)]
    noted = dict.fromkeys(rule for _, rule in read.findings)
    if "truncated_end" in noted and lab.stance != "events":  # which stance was cut cannot be told
        found += [(no, "stance_cut") for no in range(1, len(stances) + 1)]
    # a line or frame of the file belongs to all of its stances; it is told once, with the first
    found += [(1, rule) for rule in noted]
    return DeviceFile("knee_moment", read.maker, None, None, records, tuple(found))


def _day(text: str, where: str) -> dt.date:
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise DeliveryRefused(
            "no_such_day",
            "the day of the visit in the file's name is none of the calendar",
            where=where,
            remedy="name the file with the day of the visit as YYYYMMDD",
        ) from None


def _agree(lab: KneeLab, said: str, where: str) -> None:
    if lab.divided_by != 1000:
        raise DeliveryRefused(
            "unit_contradicted",
            f"the file says that its moments are in {said}, and the declaration divides by {lab.divided_by:g}",
            where=where,
            remedy="declare `divided_by: 1000` for this lab, or have it export in newton metres",
        )


def _stances(read: LabFile, lab: KneeLab, groups: dict, where: str) -> Iterator[_Stance]:
    """Every stance of the file, in the order of trials, sides and times."""
    if lab.stance == "percent":
        yield from _side_by_side(read, lab, where)
        return
    trial_no = int(groups["trial"])
    moment = {side: _moment(read, lab, side, 1, where) for side in ("left", "right")}
    time_s = read.time_s
    if time_s[0] > time_s[-1]:  # written backward: the times say which way it was walked
        time_s, moment = time_s[::-1], {side: y[::-1] for side, y in moment.items()}
    if lab.stance == "file":
        spans = [(groups["side"], time_s[0], time_s[-1])]
    else:
        spans = list(_between_events(read))
    counted = {"left": 0, "right": 0}
    for side, begins, ends in spans:
        within = (time_s >= begins - 1e-6) & (time_s <= ends + 1e-6)
        counted[side] += 1
        own, other = (moment[side], moment["right" if side == "left" else "left"])
        if ends > time_s[-1] + 1e-6:  # the file ends before this stance does
            own = np.full_like(own, np.nan)
        yield _Stance(
            trial_no, side, counted[side],
            over_stance(time_s[within], own[within]), over_stance(time_s[within], other[within]),
            float(ends - begins),
        )  # fmt: skip


def _side_by_side(read: LabFile, lab: KneeLab, where: str) -> Iterator[_Stance]:
    per_cent = np.arange(len(read.values), dtype=float)
    for trial_no in sorted({column.source_no for column in read.columns}):
        curves = {
            side: over_stance(per_cent, _moment(read, lab, side, trial_no, where))
            for side in ("left", "right")
        }
        for side, other in (("left", "right"), ("right", "left")):
            if np.isfinite(curves[side]).all():  # a recording is of one leg or of both
                # each knee over its own stance: what the other did then is not in the file
                unknown = np.full_like(curves[other], np.nan)
                yield _Stance(trial_no, side, 1, curves[side], unknown, np.nan)


def _between_events(read: LabFile) -> Iterator[tuple[str, float, float]]:
    for side in ("left", "right"):
        begun: float | None = None
        for _, label, at_s in (event for event in read.events if event[0] == side):
            if _STRIKE.search(label):
                begun = at_s
            elif _OFF.search(label) and begun is not None:
                yield side, begun, at_s
                begun = None


def _moment(read: LabFile, lab: KneeLab, side: str, source_no: int, where: str) -> np.ndarray:
    """The external adduction moment of one knee in the declared unit, as sampled."""
    name = getattr(lab, side)
    for at, column in enumerate(read.columns):
        if (column.name, column.component, column.source_no) == (name, lab.component, source_no):
            flip = -1 if side in lab.mirrored else 1
            return read.values[:, at] * (lab.sign * flip / lab.divided_by)
    raise DeliveryRefused(
        "columns_missing",
        f"the file has no column `{name}{' ' + lab.component if lab.component else ''}`",
        where=where,
        remedy="export the adduction moment of both knees under the names that were declared",
    )


def _findings(
    stances: list[_Stance], curves: np.ndarray, lab: KneeLab
) -> Iterator[tuple[int, str]]:
    sides = np.array([one.side for one in stances])
    others = np.stack([one.other for one in stances])
    marks = {
        "curve_incomplete": ~np.isfinite(curves).all(axis=1),
        "moment_sign_wrong": sign_is_wrong(curves, sides),
        "side_swapped": side_is_swapped(curves, others),
        "moment_unit_unlikely": np.full(len(curves), not unit_is_likely(curves, UNITS[lab.unit])),
    }
    for rule, rows in marks.items():
        for at in np.flatnonzero(rows):
            yield at + 1, rule


def _as_text(curve: np.ndarray) -> str | None:
    if not np.isfinite(curve).all():
        return None
    return " ".join(f"{number:.4g}" for number in curve[: N_POINTS + 1 : CURVE_STEP])
