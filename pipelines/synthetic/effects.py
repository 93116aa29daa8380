"""What is planted: the true difference between the arms on each scale, and how scales behave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract


@dataclass(frozen=True)
class Scale:
    """How one scale runs in the made-up trial, in its own unit.

    Means sit mid-scale and spreads are modest, so that clipping is rare and the planted difference
    stays the difference an analysis should find.
    """

    mean: float
    person_sd: float  # between participants, constant over visits
    noise_sd: float  # from visit to visit
    gain: float  # what both arms gain by the primary visit
    stroke: float  # how far participants after a stroke differ
    unit: str
    low: float
    high: float


SCALES: Mapping[str, Scale] = MappingProxyType(
    {
        "koos.pain": Scale(48, 9.5, 6.5, 4, 4, "points", 0, 100),
        "koos.symptoms": Scale(52, 9, 7, 2, 3, "points", 0, 100),
        "koos.adl": Scale(53, 9.5, 6, 3, -3, "points", 0, 100),
        "koos.sport_rec": Scale(37, 9, 7, 3, -2, "points", 0, 100),
        "koos.qol": Scale(42, 9, 7, 3, -2, "points", 0, 100),
        "pain.average_7d": Scale(5.3, 1.0, 0.8, -0.4, -0.3, "points", 0, 10),
        "berg.total": Scale(42, 3, 2, 1, -2, "points", 4, 56),
        "10mwt.self_selected_speed": Scale(0.98, 0.13, 0.07, 0.03, -0.12, "mps", 0.3, 1.9),
        "10mwt.fast_speed": Scale(1.30, 0.15, 0.08, 0.03, -0.14, "mps", 0.4, 2.4),
        "3mbwt.backward_speed": Scale(0.62, 0.09, 0.05, 0.02, -0.06, "mps", 0.15, 1.4),
        "tug.time": Scale(12.5, 1.6, 1.0, -0.4, 1.5, "s", 4, 60),
        "sls.best": Scale(12.0, 2.4, 1.6, 0.8, -1.2, "s", 0.6, 28),
        "mini_bestest.total": Scale(18, 2.2, 1.4, 0.8, -1.5, "points", 3, 27),
        "abc.mean": Scale(62, 9, 5, 3, -6, "points", 8, 97),
        "6mwt.distance": Scale(380, 45, 25, 12, -50, "m", 80, 700),
        "cst30.stands": Scale(10.5, 2.0, 1.0, 0.8, -1.5, "n", 1, 25),
        "vas.pain": Scale(52, 10, 8, -4, -3, "mm", 2, 98),
        "pga.global": Scale(48, 10, 8, -4, -1, "mm", 2, 98),
        "pgic.change": Scale(3.2, 0.5, 0.5, -0.2, 0.2, "points", 1, 7),
        "strength.quadriceps": Scale(1.5, 0.2, 0.1, 0.05, -0.2, "Nm_per_kg", 0.3, 3.5),
        "strength.hamstrings": Scale(0.8, 0.12, 0.07, 0.02, -0.1, "Nm_per_kg", 0.15, 2.2),
        "strength.gluteals": Scale(1.1, 0.15, 0.08, 0.03, -0.1, "Nm_per_kg", 0.2, 2.8),
        "strength.calf": Scale(0.9, 0.14, 0.08, 0.02, -0.1, "Nm_per_kg", 0.2, 2.5),
        "girth.difference": Scale(1.2, 0.4, 0.3, -0.1, -0.2, "cm", -2.0, 5.0),
    }
)
# The share of the primary-visit difference that is there at each visit; other visits have none.
COURSE = MappingProxyType({"W3": 0.5, "W6": 1.0, "W12": 0.9, "W26": 0.7})
_DEFAULT = MappingProxyType(
    {
        "koos.pain": 6.0,
        "koos.symptoms": 2.0,
        "koos.adl": 4.0,
        "koos.sport_rec": 3.0,
        "koos.qol": 4.0,
        "pain.average_7d": -0.8,
        "berg.total": 1.2,
        "10mwt.self_selected_speed": 0.06,
        "10mwt.fast_speed": 0.05,
        "3mbwt.backward_speed": 0.08,
        "tug.time": -0.6,
        "sls.best": 2.0,
        "mini_bestest.total": 1.0,
        "abc.mean": 4.0,
        "6mwt.distance": 20.0,
        "cst30.stands": 0.8,
        "vas.pain": -7.0,
        "pga.global": -5.0,
        "pgic.change": -0.4,
        "strength.quadriceps": 0.12,
        "strength.hamstrings": 0.03,
        "strength.gluteals": 0.04,
        "strength.calf": 0.05,
        "girth.difference": -0.2,
    }
)


@dataclass(frozen=True)
class Effects:
    """Planted truth. `arm` is test minus reference at the primary visit, per scale, in its unit.

    `clinic_spread`: first and last clinic lie this many person SDs either side of the mean.
    """

    arm: Mapping[str, float] = field(default_factory=lambda: _DEFAULT)
    falls_rate_ratio: float = 0.75
    clinic_spread: float = 0.4

    @staticmethod
    def none() -> Effects:
        """No difference between the arms in any outcome; clinics still differ."""
        return Effects(arm=MappingProxyType({}), falls_rate_ratio=1.0)


def clinic_shift(effects: Effects, scale: str, n_clinics: int) -> np.ndarray:
    """How far each clinic lies from the study's mean on a scale, in the scale's unit."""
    if n_clinics < 2:
        return np.zeros(n_clinics)
    steps = np.linspace(-1.0, 1.0, n_clinics)
    # Another order for every scale: no clinic is best at everything.
    turned = np.roll(steps, list(SCALES).index(scale) % n_clinics)
    return turned * effects.clinic_spread * SCALES[scale].person_sd


def planted(contract: Contract, effects: Effects) -> pl.DataFrame:
    """The planted truth as rows: `kind` arm or clinic, scale, visit, clinic, value, unit."""
    rows = [
        ("arm", scale, visit, None, effects.arm.get(scale, 0.0) * COURSE.get(visit, 0.0), body.unit)
        for scale, body in SCALES.items()
        for visit in contract.study.visits
    ]
    rows.append(("arm", "falls.rate_ratio", None, None, effects.falls_rate_ratio, "1"))
    clinics = list(contract.clinics)
    for scale, body in SCALES.items():
        shifts = clinic_shift(effects, scale, len(clinics))
        rows += [
            ("clinic", scale, None, clinic, float(value), body.unit)
            for clinic, value in zip(clinics, shifts, strict=True)
        ]
    columns = ["kind", "scale", "visit_code", "clinic_id", "value", "unit"]
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
