"""Published numbers that walking and activity are read by: plausible ranges by cohort, and cut-points."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import polars as pl

MOBILISE_D = (
    "Mobilise-D limits as mobgap keeps them, free-living column: github.com/mobilise-d/mobgap, "
    "src/mobgap/aggregation/_dmo_thresholds/official_mobilised_dmo_thresholds.csv"
)
MOBILISE_D_ALL = MOBILISE_D.replace("free-living column", "global column, all cohorts and settings")
VAHA_YPYA = (
    "Vaha-Ypya H, Vasankari T, Husu P, et al. PLoS ONE 2015;10(8):e0134813, "
    "doi:10.1371/journal.pone.0134813 (29 adults, track test against oxygen uptake)"
)
COHORTS = {
    "HA": "healthy adults", "CHF": "congestive heart failure", "COPD": "chronic lung disease",
    "MS": "multiple sclerosis", "PD": "Parkinson's disease", "PFF": "proximal femoral fracture",
}  # fmt: skip
ANYBODY = "ALL"
# cohort: low and high of walking speed, cadence, stride length, stride duration
_FREE_LIVING = {
    "HA": (0.097, 1.966, 35.752, 156.947, 0.155, 2.025, 0.735, 3.254),
    "CHF": (0.112, 1.757, 40.595, 167.943, 0.185, 2.167, 0.702, 3.031),
    "COPD": (0.091, 1.642, 38.880, 151.559, 0.176, 1.712, 0.770, 3.000),
    "MS": (0.086, 1.920, 38.443, 155.394, 0.191, 1.941, 0.776, 3.058),
    "PD": (0.082, 1.735, 40.958, 142.122, 0.151, 1.983, 0.836, 2.928),
    "PFF": (0.105, 1.553, 42.192, 157.614, 0.207, 1.697, 0.744, 2.769),
}
_GLOBAL = (0.082, 2.220, 40.0, 172.9, 0.151, 2.190, 0.460, 3.000)
_QUANTITIES = (
    ("speed_mps", "mps"), ("cadence_spm", "spm"), ("stride_length_m", "m"), ("stride_s", "s"),
)  # fmt: skip


@dataclass(frozen=True)
class Limit:
    """The span in which one quantity of a walking bout is plausible for a cohort."""

    quantity: str
    cohort: str
    low: float
    high: float
    unit: str
    source: str
    verified: bool = True


@dataclass(frozen=True)
class CutPoint:
    """From this value on an epoch counts as that intensity, for a device worn at `placement`.

    `verified` is False where the number is used for a placement that its source did not try.
    """

    intensity: str
    placement: str
    value: float
    metric: str = "mad_g"
    unit: str = "g"
    source: str = VAHA_YPYA
    verified: bool = True


def _spans(cohort: str, ends: tuple[float, ...], source: str) -> list[Limit]:
    return [
        Limit(name, cohort, ends[2 * number], ends[2 * number + 1], unit, source)
        for number, (name, unit) in enumerate(_QUANTITIES)
    ]


LIMITS = tuple(
    limit
    for cohort, ends, source in [
        *((cohort, ends, MOBILISE_D) for cohort, ends in _FREE_LIVING.items()),
        (ANYBODY, _GLOBAL, MOBILISE_D_ALL),
    ]
    for limit in _spans(cohort, ends, source)
)
CUT_POINTS = (
    CutPoint("moderate", "hip", 0.091),
    CutPoint("vigorous", "hip", 0.414),
    CutPoint("moderate", "lower_back", 0.091, verified=False),
    CutPoint("vigorous", "lower_back", 0.414, verified=False),
)


def limits() -> pl.DataFrame:
    """Every plausible range, one row each, for a reference table beside `ref_threshold`."""
    return pl.DataFrame([dataclasses.asdict(limit) for limit in LIMITS]).sort("quantity", "cohort")


def cut_points() -> pl.DataFrame:
    """Every cut-point, one row each: moderate is 3 MET and more, vigorous 6."""
    return pl.DataFrame([dataclasses.asdict(point) for point in CUT_POINTS])


def implausible(bouts: pl.DataFrame, cohort: str = ANYBODY) -> pl.DataFrame:
    """`row` of the bout and `quantity` for every value outside of the cohort's plausible range.

    The cohorts of this source have neither knee osteoarthritis nor stroke: for them the range over all cohorts holds.
    """
    spans = [x for x in LIMITS if x.cohort == cohort and x.quantity in bouts.columns]
    numbered = bouts.with_row_index("row")
    found = [
        numbered.filter(~pl.col(x.quantity).is_between(x.low, x.high)).select(
            "row", quantity=pl.lit(x.quantity)
        )
        for x in spans
    ]
    nothing = pl.DataFrame(schema={"row": pl.UInt32, "quantity": pl.String})
    return pl.concat([nothing, *(f.cast(nothing.schema) for f in found)]).sort("row", "quantity")
