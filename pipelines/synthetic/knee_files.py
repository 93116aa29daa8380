"""Gait lab files of a few participants, in their clinics' formats: real bytes, every stance in them known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines import files
from pipelines.contracts.lab import KneeLab
from pipelines.synthetic.c3d_bytes import c3d_bytes
from pipelines.synthetic.dialect import file_name
from pipelines.synthetic.gait_lab import labs
from pipelines.synthetic.lab_text import opensim_text, visual3d_text
from pipelines.synthetic.nights import Work

_MOMENTS = 997  # keeps these draws apart from those of the trial itself
# People of each clinic whose files come, by what their lab writes: where every trial is a file, a night would be
# longer than anybody watches. The clinic's next ones send the faulty files.
PEOPLE = {"opensim": 1, "c3d": 1, "visual3d": 3}
_SWING = 0.095  # Nm/kg at the knee of the leg in swing
_PEAKS = (0.45, 0.42)  # Nm/kg; the first is that of healthy walking, spread by 0.09 (Thorp 2006)
_PERSON_SD = 0.07
_BACKWARD = (0.85, 0.70)  # planted, not published: of the peaks walked forward
_BUMPS_PCT = (
    (18.0, 10.0),
    (68.0, 18.0),
)  # where, how wide: a curve read from its end looks different
_POINTS = np.arange(101.0)
_RATE_HZ = 200.0


@dataclass(frozen=True)
class Walked:
    """One trial of one person, and what the moment at both knees was over stance, in Nm/kg."""

    row: dict[str, Any]
    curve: np.ndarray  # (101,)

    def stance_s(self, side: str) -> float:
        return self.row[f"stance_{side}_s"]

    def truth(self, side: str, stance_no: int) -> tuple:
        # the peaks of two bumps that reach into each other, read off the curve's own halves
        area = float(np.trapezoid(self.curve, dx=0.01)) * self.stance_s(side)
        first, second = float(self.curve[:51].max()), float(self.curve[51:].max())
        key = (self.row["participant_id"], self.row["assessed_date"], self.row["trial_no"])
        return (*key, side, stance_no, first, second, area)


def write_knee_files(work: Work, number: int) -> None:
    """Writes the files of the lab visits that this night's sheets tell of."""
    before = work.trials[number - 1].as_of if number else dt.date.min
    for clinic, kind in labs(work.contract).items():
        n = PEOPLE[work.contract.clinics[clinic].files[kind].lab.maker]
        for trials in people_of(work, clinic, number)[:n]:
            new = [walk for walk in trials if walk.row["assessed_date"] > before]
            for _, visit in groupby(new, key=lambda walk: walk.row["assessed_date"]):
                write(work, number, clinic, list(visit))


def people_of(work: Work, clinic: str, number: int) -> list[list[Walked]]:
    """Per person of the clinic, in the order of their codes, the trials known on a night.

    People with a planned fault in the lab's sheet are left out: their files would miss a trial that is held.
    """
    known = work.trials[number].records
    sheet = known["lab_trial"].filter(pl.col("clinic_id") == clinic)
    told = [*work.planned.expected.select("clinic_id", "table_name", "_uid").iter_rows(),
            *(one[:3] for one in (*work.planned.texts, *work.planned.lines))]  # fmt: skip
    at_fault = {uid for name, table, uid in told if (name, table) == (clinic, "lab_trial")}
    held = sheet.filter(pl.col("_uid").is_in(list(at_fault))).select("participant_id")
    rows = (
        sheet.join(held, on="participant_id", how="anti")
        .join(
            known["participant"].select(
                "participant_id", "weight_kg", "height_cm", "index_knee_side"
            ),
            on="participant_id",
        )
        .sort("participant_id", "assessed_date", "trial_no")
    )
    return [
        [_walked(work, row) for row in one.iter_rows(named=True)]
        for one in rows.partition_by("participant_id", maintain_order=True)
    ]


def _walked(work: Work, row: dict[str, Any]) -> Walked:
    person = int(row["participant_id"].replace("-", ""))
    own = _draws(work, person).normal(0.0, _PERSON_SD)
    now = _draws(work, person, row["assessed_date"].toordinal(), row["trial_no"])
    share = _BACKWARD if row["lab_direction_code"] == "BW" else (1.0, 1.0)
    first, second = (
        max(peak + own + now.normal(0.0, 0.01), 0.2) * less
        for peak, less in zip(_PEAKS, share, strict=True)
    )
    bump = [np.exp(-0.5 * ((_POINTS - at) / width) ** 2) for at, width in _BUMPS_PCT]
    return Walked(row, first * bump[0] + second * bump[1])


def _draws(work: Work, *of: int) -> np.random.Generator:
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([work.trials[0].seed, _MOMENTS, *of]))
    )


def write(
    work: Work,
    number: int,
    clinic: str,
    walks: list[Walked],
    edit: Callable[[bytes], bytes] = bytes,
    trial: int | None = None,
) -> list[Path]:
    """The files of one visit under their clinic's names; what they hold is told in the truth."""
    kind = labs(work.contract)[clinic]
    lab = work.contract.clinics[clinic].files[kind].lab
    made = _MAKERS[lab.maker](lab, walks)
    paths = []
    for named, data, truth in made:
        if trial is not None:
            named = named | {"trial": str(trial)}
        row = walks[0].row
        name = file_name(
            work.contract.clinics[clinic], kind, work.nights[number].sent_date,
            participant_id=row["participant_id"], assessed=f"{row['assessed_date']:%Y%m%d}", **named,
        )  # fmt: skip
        path = work.folder(number, clinic) / name
        files.write_bytes_atomic(path, edit(data))
        paths.append(path)
        if edit is bytes:
            work.truth.stances += truth
    return paths


Made = list[tuple[dict[str, str], bytes, list[tuple]]]  # parts of the name, content, truth


def _opensim(lab: KneeLab, walks: list[Walked]) -> Made:
    """One file per trial, cut to one stance of the index knee; internal moments in Nm."""
    made = []
    for walk in walks:
        side = walk.row["index_knee_side"]
        seconds = walk.stance_s(side)
        n = max(int(seconds * _RATE_HZ), 2) + 1
        own = np.interp(np.linspace(0, 100, n), _POINTS, walk.curve)
        moments = {side: own, _other(side): np.full(n, _SWING)}
        columns = {
            getattr(lab, name): lab.sign * walk.row["weight_kg"] * moments[name]
            for name in ("right", "left")
        }
        text = opensim_text(np.linspace(0.4, 0.4 + seconds, n), columns)
        named = {"trial": str(walk.row["trial_no"]), "side": side}
        made.append((named, text, [walk.truth(side, 1)]))
    return made


def _visual3d(lab: KneeLab, walks: list[Walked]) -> Made:
    """One file per visit, its trials side by side in per cent of stance; the left knee's sign mirrored."""
    flip = {side: -1 if side in lab.mirrored else 1 for side in ("left", "right")}
    curves = [flip[side] * walk.curve for walk in walks for side in ("left", "right")]
    names = [f"walk{walk.row['trial_no']:02d}.c3d" for walk in walks]
    text = visual3d_text(names, (lab.left, lab.right), lab.component, np.column_stack(curves))
    return [({}, text, [walk.truth(side, 1) for walk in walks for side in ("left", "right")])]


def _c3d(lab: KneeLab, walks: list[Walked]) -> Made:
    """One file per trial: two stances of each leg, told by events; moments in Nmm/kg at the second component."""
    made = []
    for walk in walks:
        events, truth = [], []
        stride_s = sum(walk.stance_s(side) for side in ("left", "right")) / 2 / 0.62
        n = int((3.2 * stride_s) * _RATE_HZ)
        time_s = np.arange(n) / _RATE_HZ
        points = np.zeros((n, 2, 4), dtype=np.float32)
        for at, side in enumerate(("left", "right")):
            y = np.full(n, _SWING)
            for k in range(2):
                begins = round(0.2 + (k + at / 2) * stride_s, 3)
                ends = begins + walk.stance_s(side)
                within = (time_s >= begins) & (time_s <= ends)
                y[within] = np.interp(
                    100 * (time_s[within] - begins) / (ends - begins), _POINTS, walk.curve
                )
                events += [(side.title(), "Foot Strike", begins), (side.title(), "Foot Off", ends)]
                truth.append(walk.truth(side, k + 1))
            points[:, at, 1] = lab.sign * lab.divided_by * y
        data = c3d_bytes(
            points,
            [lab.left, lab.right],
            rate_hz=_RATE_HZ,
            events=sorted(events, key=lambda e: e[2]),
        )
        made.append(({"trial": str(walk.row["trial_no"])}, data, truth))
    return made


_MAKERS: dict[str, Callable[[KneeLab, list[Walked]], Made]] = {
    "opensim": _opensim, "visual3d": _visual3d, "c3d": _c3d,
}  # fmt: skip


def _other(side: str) -> str:
    return "left" if side == "right" else "right"
