"""10-metre walk test: gait speed at usual and at fast pace."""

from __future__ import annotations

import polars as pl

from pipelines.measures.model import Measure, Purpose, Scale, Threshold
from pipelines.measures.rows import as_outcomes, in_trial_order, per_assessment

_HOSOI = (
    "Hosoi 2023, n=84, frontiersin.org/articles/10.3389/fneur.2023.1219505/full "
    "(MDC; its confidence is not in the abstract, 95 % by convention)"
)
_DANISH = "Andersen & Kristensen, Danish 10MWT, fastest of 2 trials, n=50, research.regionh.dk"
_PERERA = "Perera 2006, scilit.net/publications/d68e386fffbd2cf0525912b412bab333"
_LIFE_P = "LIFE-P, pubmed.ncbi.nlm.nih.gov/19536422"
_KNEE_OA = "pmc.ncbi.nlm.nih.gov/articles/PMC7392790 (printed in m/min)"
_ACUTE = "sage.cnpereading.com/doi/10.1177/02692155221108552"
_PERRY = "Perry, quoted in ufdcimages.uflib.ufl.edu/UF/E0/01/13/89/00001/schmid_a_Page_033.txt"
_ADL = "pubmed.ncbi.nlm.nih.gov/21530734 (odds ratio 3.21)"
_FALLS = "pmc.ncbi.nlm.nih.gov/articles/PMC4912425"
_USUAL, _FAST = "self_selected_speed", "fast_speed"
_LOW, _HIGH = (
    0.4,
    0.8,
)  # m/s; the sources say "over 0.8", so 0.8 itself is in the middle band


def _of(
    scale: str, purpose: Purpose, value: float, population: str, source: str, **more
) -> Threshold:
    return Threshold(scale, purpose, value, "mps", population, source, **more)


def _fast_mdc(value: float, band: str) -> Threshold:
    # The bands are of the comfortable speed, so they cannot be bands of this scale's own baseline.
    return _of(_FAST, "mdc95", value, f"stroke, comfortable speed {band} m/s", _HOSOI)


MEASURE = Measure(
    name="10mwt",
    title="10-metre walk test",
    unit="mps",
    better="higher",
    licence="free to use",
    source="speed = timed distance / time; mean of the trials' speeds (this study's choice)",
    reads="walk_test",
    scales={
        _USUAL: Scale("mps", "higher", (0.0, None)),
        _FAST: Scale("mps", "higher", (0.0, None)),
    },
    thresholds=(
        _of(
            _USUAL,
            "mdc95",
            0.05,
            "stroke",
            _HOSOI,
            baseline_high=_LOW,
            baseline_high_open=True,
        ),
        _of(
            _USUAL,
            "mdc95",
            0.11,
            "stroke",
            _HOSOI,
            baseline_low=_LOW,
            baseline_high=_HIGH,
        ),
        _of(
            _USUAL,
            "mdc95",
            0.21,
            "stroke",
            _HOSOI,
            baseline_low=_HIGH,
            baseline_low_open=True,
        ),
        _fast_mdc(0.04, "below 0.4"),
        _fast_mdc(0.12, "0.4 to 0.8"),
        _fast_mdc(0.19, "above 0.8"),
        _of(_USUAL, "mdc95", 0.17, "neurological disorders", _DANISH),
        _of(_USUAL, "mcid", 0.05, "older adults, small change", _PERERA),
        _of(_USUAL, "mcid", 0.10, "older adults, substantial change", _PERERA),
        _of(
            _USUAL,
            "mcid",
            0.03,
            "older adults LIFE-P, small change, lower estimate",
            _LIFE_P,
        ),
        _of(
            _USUAL,
            "mcid",
            0.05,
            "older adults LIFE-P, small change, upper estimate",
            _LIFE_P,
        ),
        _of(_USUAL, "mcid", 0.08, "older adults LIFE-P, substantial change", _LIFE_P),
        _of(
            _USUAL,
            "mcid",
            0.068,
            "knee osteoarthritis, 20 m walk, lower estimate",
            _KNEE_OA,
        ),
        _of(
            _USUAL,
            "mcid",
            0.115,
            "knee osteoarthritis, 20 m walk, upper estimate",
            _KNEE_OA,
        ),
        _of(
            _USUAL,
            "mcid",
            0.048,
            "knee osteoarthritis, 400 m walk, lower estimate",
            _KNEE_OA,
        ),
        _of(
            _USUAL,
            "mcid",
            0.115,
            "knee osteoarthritis, 400 m walk, upper estimate",
            _KNEE_OA,
        ),
        _of(_USUAL, "mcid", 0.16, "stroke", "commonly quoted", verified=False),
        _of(_USUAL, "mcid", 0.18, "acute stroke, anchor, lower estimate", _ACUTE),
        _of(_USUAL, "mcid", 0.25, "acute stroke, anchor, upper estimate", _ACUTE),
        _of(_USUAL, "cutoff", _LOW, "household walker", _PERRY, op="<"),
        _of(_USUAL, "cutoff", _HIGH, "at most limited community walker", _PERRY, op="<="),
        _of(_USUAL, "cutoff", _HIGH, "community walker", _PERRY, op=">"),
        _of(_USUAL, "cutoff", 1.0, "older adults, limits in daily living", _ADL, op="<="),
        _of(_USUAL, "cutoff", 0.76, "fall status", _FALLS, op="<"),
        _of(_FAST, "cutoff", 1.13, "fall status", _FALLS, op="<"),
    ),
)


def score(trials: pl.LazyFrame) -> pl.LazyFrame:
    """Mean of the trials' speeds per pace, over the distance that was timed, whatever it was."""
    walks = trials.filter(
        pl.col("walk_test_code") == "10mwt",
        pl.col("timed_distance_m") > 0,
        pl.col("time_s") > 0,
    ).pipe(in_trial_order)
    speed = (pl.col("timed_distance_m") / pl.col("time_s")).mean()
    scored = [
        per_assessment(walks.filter(pl.col("pace_code") == pace), scale, speed)
        for pace, scale in (("self_selected", _USUAL), ("fast", _FAST))
    ]
    return as_outcomes(pl.concat(scored), MEASURE)
