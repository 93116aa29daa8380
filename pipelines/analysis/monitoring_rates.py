"""Under-reporting: fewer adverse events or falls than the participants' time gives reason to expect.

Source: Koneswarakantha et al., Drug Safety 2021;44:949-955 (simaerep: reporting rates against resampled participants).
"""

from __future__ import annotations

import polars as pl

from pipelines.analysis.monitoring_null import by_clinic

_DAYS_PER_YEAR = 365.25


def under_reporting(people: pl.DataFrame) -> pl.DataFrame:
    """Two rows per clinic: events and diary falls per person-year, low against all participants' rate.

    A participant's score is what they reported less what their time makes one expect; some fall often, so it is
    participants that are resampled and not events. `value` and `others` are rates per year.
    """
    return pl.concat([
        _rate(people, "events_n", "watched_days", "events_few"),
        _rate(people, "falls_n", "diary_days", "falls_few"),
    ])  # fmt: skip


def _rate(people: pl.DataFrame, count: str, days: str, test: str) -> pl.DataFrame:
    watched = people.filter(pl.col(days) > 0)
    years = pl.col(days) / _DAYS_PER_YEAR
    overall = pl.col(count).sum() / years.sum()
    scored = watched.with_columns(score=pl.col(count) - overall * years)
    totals = watched.group_by("clinic_id").agg(n=pl.col(count).sum(), years=years.sum())
    rates = totals.with_columns(
        value=pl.col("n") / pl.col("years"),
        others=(pl.col("n").sum() - pl.col("n")) / (pl.col("years").sum() - pl.col("years")),
    ).with_columns(pl.col("others").fill_nan(None))
    tested = by_clinic(scored, "score", test, "low", ranked=False)
    return (
        tested.drop("value", "others")
        .join(rates.select("clinic_id", "value", "others"), on="clinic_id", how="left", maintain_order="left")
        .select(tested.columns)
    )  # fmt: skip
