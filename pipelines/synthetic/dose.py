"""Attendance, dose level and minutes, drawn without a look at the arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.contracts.model import Contract
from pipelines.synthetic.people import People

_TOP_LEVEL = 10
_PROGRESSION_SHARES = (0.70, 0.26, 0.04)  # progress, hold, step back


@dataclass(frozen=True)
class Dose:
    """One entry per planned session."""

    attended: np.ndarray
    level: np.ndarray
    planned_min: np.ndarray
    actual_min: np.ndarray
    stopped: np.ndarray
    progression: np.ndarray  # 0 progress, 1 hold, 2 step back

    def at(self, index: tuple[np.ndarray, ...]) -> Dose:
        """The same for some of the sessions."""
        return Dose(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def drawn_dose(
    contract: Contract, people: People, shape: tuple[int, int], rng: np.random.Generator
) -> Dose:
    """Doses that rise a level a week where the week's last session allowed it."""
    n, k = shape
    often_away = rng.beta(2, 13, n) * (1 + 0.3 * (people.clinic % 3))
    attended = rng.random(shape) >= often_away[:, None]
    progression = rng.choice(3, shape, p=_PROGRESSION_SHARES)
    step = np.array([1, 0, -1])[progression] * attended
    per_week = contract.study.programme.sessions_per_week
    level = np.empty(shape, np.int64)
    now = rng.integers(1, 4, n)
    for session in range(k):
        level[:, session] = now
        if session % per_week == per_week - 1:
            now = (now + step[:, session]).clip(1, _TOP_LEVEL)
    planned = 10.0 + 2 * (level - 1)
    stopped = attended & (rng.random(shape) < 0.03)
    share = np.where(
        stopped, rng.uniform(0.4, 0.85, shape), rng.choice([0.9, 1.0, 1.0, 1.0], shape)
    )
    return Dose(attended, level, planned, (planned * share).round(0), stopped, progression)
