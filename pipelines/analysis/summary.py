"""Plain summaries: what was seen, how much is missing, and intervals for shares and rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from scipy.stats import chi2, norm

Z95 = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; all None where there is nothing to estimate from."""

    estimate: float | None
    low: float | None
    high: float | None


NOTHING = Interval(None, None, None)


def describe(frame: pl.DataFrame, by: Sequence[str], value: str = "value") -> pl.DataFrame:
    """Per group: n, n_missing, mean, sd, median, q1, q3, least, most of the values that are there.

    A null or NaN value counts as missing. Quartiles interpolate linearly (R type 7).
    Assumes: the frame has a row for every value that was due, so that missing ones can be counted.
    """
    known = pl.col(value).cast(pl.Float64).fill_nan(None)
    return (
        frame.sort(*by, value)
        .group_by(by, maintain_order=True)
        .agg(
            known.count().cast(pl.Int64).alias("n"),
            known.null_count().cast(pl.Int64).alias("n_missing"),
            known.mean().alias("mean"),
            known.std().alias("sd"),
            known.median().alias("median"),
            known.quantile(0.25, "linear").alias("q1"),
            known.quantile(0.75, "linear").alias("q3"),
            known.min().alias("least"),
            known.max().alias("most"),
        )
    )


def wilson(k: int, n: int) -> Interval:
    """The share k/n with its 95 % score interval. Source: Wilson 1927, J Am Stat Assoc 22:209."""
    if not 0 <= k <= n:
        raise ValueError(f"a count runs from 0 to its total; got {k} of {n}")
    if n == 0:
        return NOTHING
    share = k / n
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
    # At the ends the formula gives 0 and 1 exactly, but for rounding.
    low = 0.0 if k == 0 else centre - half
    high = 1.0 if k == n else centre + half
    return Interval(share, low, high)


def newcombe(k_test: int, n_test: int, k_reference: int, n_reference: int) -> Interval:
    """The difference of two shares, test minus reference, with its 95 % hybrid score interval.

    Source: Newcombe 1998, Stat Med 17:873 (method 10, without continuity correction).
    """
    test, reference = wilson(k_test, n_test), wilson(k_reference, n_reference)
    if test.estimate is None or reference.estimate is None:
        return NOTHING
    d = test.estimate - reference.estimate
    below = math.hypot(test.estimate - test.low, reference.high - reference.estimate)
    above = math.hypot(test.high - test.estimate, reference.estimate - reference.low)
    return Interval(d, d - below, d + above)


def risk_ratio(k_test: int, n_test: int, k_reference: int, n_reference: int) -> Interval:
    """The ratio of two shares, test to reference, with its 95 % log interval; nothing where a count is 0.

    Source: Katz 1978, Biometrics 34:469. A count of 0 has no logarithm, and adding to it would invent data.
    """
    for k, n in ((k_test, n_test), (k_reference, n_reference)):
        if not 0 <= k <= n:
            raise ValueError(f"a count runs from 0 to its total; got {k} of {n}")
    if not (k_test and k_reference):
        return NOTHING
    ratio = (k_test / n_test) / (k_reference / n_reference)
    spread = math.sqrt(1 / k_test - 1 / n_test + 1 / k_reference - 1 / n_reference)
    return wald_ratio(math.log(ratio), spread)


def wald_ratio(log_estimate: float, log_se: float) -> Interval:
    """A ratio with its 95 % interval, from its logarithm and the standard error of that."""
    low, high = log_estimate - Z95 * log_se, log_estimate + Z95 * log_se
    return Interval(math.exp(log_estimate), math.exp(low), math.exp(high))


def rate_with_exact_ci(events: int, person_years: float) -> Interval:
    """Events per person-year with the exact Poisson interval; nothing without person-time.

    Source: Garwood 1936, Biometrika 28:437.
    """
    if events < 0 or not 0 <= person_years < math.inf:
        raise ValueError("events and person-years are finite and not negative")
    if person_years == 0:
        if events:
            raise ValueError(f"{events} events without any person-time")
        return NOTHING
    low, high = _garwood(events)
    return Interval(events / person_years, low / person_years, high / person_years)


def rate_of_people(events: pl.Series, person_years: pl.Series) -> Interval:
    """Events per person-year of people, one entry each, with a 95 % interval for events that cluster in people.

    The exact Poisson interval of as many events as carry the information: fewer by the dispersion
    (Pearson's, 1 or more), for who falls once falls again. People without person-time are left out.
    Sources: Garwood 1936; McCullagh and Nelder 1989, 6.2.3 (dispersion); effective counts as in Korn
    and Graubard 1998, Surv Methodol 24:193.
    """
    known = (
        pl.DataFrame({"y": events.cast(pl.Float64), "t": person_years.cast(pl.Float64)})
        .drop_nulls()
        .filter(pl.col("t") > 0)
    )
    n_events, years = float(known["y"].sum()), float(known["t"].sum())
    plain = rate_with_exact_ci(round(n_events), years)
    if n_events == 0 or known.height < 2:
        return plain
    expected = known["t"] * (n_events / years)
    dispersion = max(1.0, ((known["y"] - expected) ** 2 / expected).sum() / (known.height - 1))
    low, high = _garwood(n_events / dispersion)
    return Interval(plain.estimate, low * dispersion / years, high * dispersion / years)


def _garwood(events: float) -> tuple[float, float]:
    low = float(chi2.ppf(0.025, 2 * events)) / 2 if events else 0.0
    return low, float(chi2.ppf(0.975, 2 * events + 2)) / 2
