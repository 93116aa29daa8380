"""How long steps are: the rise and fall of the trunk on the leg as an inverted pendulum.

The participant's height is known only when all deliveries stand together, so a recording keeps two sums over its
steps, and `speed_mps` makes the speed of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.signals.zero_phase import filtered

G_MPS2 = 9.80665
_ACC_HZ, _SPEED_HZ = 0.1, 1.0  # high-pass before each integration
_SPEED_STEPS = (
    0.75  # of the step rate: below 80 steps/min the second one would take the steps themselves away
)
_OWN_TIME = 0.5  # logarithm: a step of 1.65 times the usual time hides a contact
_OUTLIER = 3.0  # scaled median absolute deviations


@dataclass(frozen=True)
class Pendulum:
    """What turns a rise into a length. Assumes a device at the height of the fifth lumbar vertebra."""

    scale: float  # of the step length
    height_share: float  # height of the device over that of the person
    source: str
    verified: bool


PENDULUM = Pendulum(
    scale=4.587 / 4,
    height_share=0.60,
    source="Soltani A, Aminian K, Mazza C, et al. IEEE Trans Neural Syst Rehabil Eng 2021;29:1955-1964, "
    "doi:10.1109/TNSRE.2021.3111681 (factor found in multiple sclerosis; the one that Mobilise-D's pipelines use for "
    "every cohort, github.com/mobilise-d/mobgap). Height of the device: 0.60 of standing height, the mean of the "
    "three people of mobgap's lab example",
    verified=False,  # neither for knee osteoarthritis nor for the height
)


def rises_m(vertical_g: np.ndarray, rate_hz: float, at: np.ndarray) -> np.ndarray:
    """How far the trunk rises and falls within each step: (len(at) - 1,), in m.

    Twice integrated acceleration, freed from drift by fourth-order Butterworth high-passes at 0.1 and 1 Hz run both ways.
    Source: Zijlstra W, Hof AL. Gait Posture 2003;18(2):1-10, doi:10.1016/S0966-6362(02)00190-X; cut-offs Soltani 2021,
    the second one ours in walking slower than 80 steps/min. Assumes: two contacts or more.
    """
    steps_hz = rate_hz / float(np.median(np.diff(at)))
    cut_hz = min(_SPEED_HZ, round(_SPEED_STEPS * steps_hz, 1))

    def freed(x: np.ndarray, cut_hz: float) -> np.ndarray:
        return filtered(x, "highpass", cut_hz, rate_hz, order=4, settle_s=3.0)

    speed = freed(np.cumsum(freed(vertical_g * G_MPS2, _ACC_HZ)) / rate_hz, cut_hz)
    place = np.cumsum(speed) / rate_hz
    ends = np.append(at[:-1], at[-1])  # reduceat: from each contact up to the next
    top, bottom = np.maximum.reduceat(place, ends), np.minimum.reduceat(place, ends)
    return (top - bottom)[:-1]


def alike(step_s: np.ndarray) -> np.ndarray:
    """Which steps took about as long as the usual one of their bout: (k,) bool.

    A contact that was missed or one too many makes a step twice as long, or half; a turn makes less of it.
    """
    return np.abs(np.log(step_s / np.median(step_s))) <= _OWN_TIME


def without_outliers(rise_m: np.ndarray) -> np.ndarray:
    """The rises, where one lies far from the two before and after it their median instead (Hampel's filter).

    Source: step lengths are freed like this in Soltani 2021 (five steps, three scaled median absolute deviations).
    """
    around = np.lib.stride_tricks.sliding_window_view(np.pad(rise_m, 2, mode="reflect"), 5)
    middle = np.median(around, axis=1)
    spread = 1.4826 * np.median(np.abs(around - middle[:, None]), axis=1)
    return np.where(np.abs(rise_m - middle) > _OUTLIER * spread, middle, rise_m)


def moments(step_s: np.ndarray, rise_m: np.ndarray) -> tuple[float, float]:
    """Sum of sqrt(rise) and of rise^1.5 over the steps, each per second walked."""
    walked_s = step_s.sum()
    return float(np.sqrt(rise_m).sum() / walked_s), float((rise_m**1.5).sum() / walked_s)


def speed_mps(
    rise_half: float, rise_three_half: float, height_m: float, pendulum: Pendulum = PENDULUM
) -> float:
    """Walking speed of a bout from its two moments and the person's height.

    A step of the pendulum of length l is scale * 2 * sqrt(2 l h - h^2) long; its series in h/l is
    scale * 2 * sqrt(2 l) * (h^0.5 - h^1.5 / (4 l) - ...), and what is left out is below 1e-4 m. The build says the same
    in SQL: `2 * scale * sqrt(2 * l) * (rise_half - rise_three_half / (4 * l))` with `l = height_share * height_m`.
    """
    length_m = pendulum.height_share * height_m
    return (
        2 * pendulum.scale * np.sqrt(2 * length_m) * (rise_half - rise_three_half / (4 * length_m))
    )
