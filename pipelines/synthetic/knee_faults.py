"""Gait lab files with one fault each, by people who sent no good file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipelines.synthetic.gait_lab import VISITS, labs
from pipelines.synthetic.knee_files import PEOPLE, people_of, write
from pipelines.synthetic.nights import Work


def write_faulty_knee_files(work: Work, number: int) -> None:
    """One stance per rule, of the first clinic whose lab sends text over time, by people who sent no good file."""
    clinic = next(
        name
        for name, kind in labs(work.contract).items()
        if work.contract.clinics[name].files[kind].lab.maker == "opensim"
    )
    people = [  # who came to every lab visit
        one
        for one in people_of(work, clinic, 0)
        if {walk.row["visit_code"] for walk in one} == set(VISITS)
    ]
    n = PEOPLE["opensim"]
    for walks in people[n : n + 1]:  # a trial for each fault
        for (rule, edit, trial), walk in zip(_FAULTS, walks, strict=False):
            _told(work, number, clinic, write(work, number, clinic, [walk], edit, trial), rule)
    for walks in people[n + 1 : n + 2]:  # a person's other stances tell that one is turned
        way = walks[0].row["lab_direction_code"]
        for walk in (one for one in walks if one.row["lab_direction_code"] == way):
            is_turned = walk is walks[0]
            paths = write(work, number, clinic, [walk], _cells(np.flipud) if is_turned else bytes)
            if is_turned:
                _told(work, number, clinic, paths, "moment_turned")


def _told(work: Work, number: int, clinic: str, paths: list[Path], rule: str) -> None:
    for path in paths:
        work.truth.fault(number + 1, clinic, path, "knee_moment", [1], rule, f"knee_moment.{rule}")


def _cells(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[bytes], bytes]:
    """An edit of the numbers of a storage file, the column of times left alone."""

    def edit(data: bytes) -> bytes:
        lines = data.decode().splitlines()
        at = lines.index("endheader") + 2
        numbers = np.array([line.split("\t") for line in lines[at:]], dtype=float)
        numbers[:, 1:] = change(numbers[:, 1:])
        body = ["\t".join(f"{x:.8g}" for x in row) for row in numbers]
        return ("\n".join(lines[:at] + body) + "\n").encode()

    return edit


def _swapped(numbers: np.ndarray) -> np.ndarray:
    """The knees changed over, by a person who loads the standing leg well."""
    loaded = np.abs(numbers).mean(axis=0).argmax()
    numbers[:, loaded] *= 1.6
    return np.fliplr(numbers)


def _as_it_is(data: bytes) -> bytes:
    return data


def _with_hole(numbers: np.ndarray) -> np.ndarray:
    numbers[len(numbers) // 2, :] = np.nan
    return numbers


def _cut(data: bytes) -> bytes:
    lines = data.decode().splitlines()
    return ("\n".join(lines[: len(lines) * 2 // 3]) + "\n").encode()


_FAULTS: tuple[tuple[str, Callable[[bytes], bytes], int | None], ...] = (
    ("moment_sign_wrong", _cells(np.negative), None),
    ("side_swapped", _cells(_swapped), None),
    ("moment_unit_unlikely", _cells(lambda y: y / 75), None),
    ("stance_cut", _cut, None),
    ("curve_incomplete", _cells(_with_hole), None),
    ("lab_trial_given", _as_it_is, 20),
)
