"""A scale as reports show it, and the mean of a column with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from scipy.stats import t as student

from pipelines import measures
from pipelines.analysis.summary import Interval
from pipelines.reports.layout.results import Basis

_UNITS = {
    "mps": ("m/s", 2), "points": ("points", 1), "s": ("s", 1), "m": ("m", 0), "mm": ("mm", 1), "cm": ("cm", 1),
    "n": ("stands", 1), "Nm_per_kg": ("Nm/kg", 2), "Nms_per_kg": ("Nm s/kg", 3),
}  # fmt: skip
_NAMES = {
    "koos.pain": "KOOS pain", "koos.symptoms": "KOOS symptoms", "koos.adl": "KOOS daily living",
    "koos.sport_rec": "KOOS sport and recreation", "koos.qol": "KOOS quality of life",
    "pain.average_7d": "average pain (0 to 10)", "berg.total": "Berg Balance Scale", "tug.time": "timed up and go",
    "sls.best": "single-leg stance", "10mwt.self_selected_speed": "usual gait speed",
    "10mwt.fast_speed": "fast gait speed", "3mbwt.backward_speed": "backward walking speed",
    "6mwt.distance": "6-minute walk", "rwg.speed_over_10_median": "gait speed in daily life",
    "mini_bestest.total": "Mini-BESTest", "abc.mean": "balance confidence (ABC)", "cst30.stands": "30-second chair stand",
    "vas.pain": "pain on a 100 mm line", "pga.global": "patient's global assessment",
    "pgic.change": "patient's impression of change", "strength.quadriceps": "quadriceps strength",
    "strength.hamstrings": "hamstring strength", "strength.gluteals": "gluteal strength", "strength.calf": "calf strength",
    "knee_load.first_peak_forward": "first peak, forward", "knee_load.first_peak_backward": "first peak, backward",
    "knee_load.second_peak_forward": "second peak, forward", "knee_load.second_peak_backward": "second peak, backward",
    "knee_load.kaai_forward": "impulse, forward", "knee_load.kaai_backward": "impulse, backward",
    "girth.difference": "knee swelling (index minus other)",
}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """One scale of one measure, with its words."""

    measure: str
    scale: str
    title: str
    unit: str
    unit_text: str
    digits: int
    better: str
    visit_text: str = "the primary visit"


def scale_of(name: str) -> Scale:
    """The scale named `measure.scale` in study.yaml."""
    measure, scale = name.split(".", 1)
    body = measures.discovered()[measure].MEASURE.scales[scale]
    unit_text, digits = _UNITS.get(body.unit, (body.unit, 2))
    return Scale(measure, scale, _NAMES.get(name, name), body.unit, unit_text, digits, body.better)


def basis_of(mart: str, scale: Scale, further: str = "is_primary", **by: str) -> Basis:
    """The rows of one scale in a mart of outcomes, at the primary visit unless told otherwise."""
    return Basis(mart, f"measure = '{scale.measure}' AND scale = '{scale.scale}' AND {further}", by)


def mean_interval(values: pl.Series) -> Interval | None:
    """The mean with its 95 % t interval; None for fewer than two values."""
    known = values.drop_nulls().sort()  # sorted: a sum of doubles depends on its order
    if known.len() < 2:
        return None
    mean, half = (
        known.mean(),
        student.ppf(0.975, known.len() - 1) * known.std() / known.len() ** 0.5,
    )
    return Interval(mean, mean - half, mean + half)
