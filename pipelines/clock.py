"""Clinic wall clocks, UTC instants and study days, on whole columns."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

from pipelines.errors import ContractError

NONEXISTENT = "nonexistent_local_time"
AMBIGUOUS = "ambiguous_local_time"
_MINUTE_US = 60_000_000
_RESOLVED = pl.Struct({"utc": pl.Datetime("us"), "fault": pl.String})


def local_to_utc(local: pl.Expr, time_zone: str, offset_minutes: pl.Expr | None = None) -> pl.Expr:
    """A struct `utc` (naive Datetime us) and `fault` for clinic wall-clock times.

    A time the clock skipped, or showed twice, gets a fault and no instant. `offset_minutes`, the
    sender's own minutes east of UTC, settles a time shown twice if it was in force then.
    Assumes: `local` is a naive Datetime.
    """
    _require_zone(time_zone)
    told = pl.lit(None, pl.Int64) if offset_minutes is None else offset_minutes.cast(pl.Int64)
    asked = pl.struct(local.cast(pl.Datetime("us")).alias("local"), told.alias("told"))
    return asked.map_batches(lambda rows: _resolve(rows, time_zone), return_dtype=_RESOLVED)


def _resolve(rows: pl.Series, time_zone: str) -> pl.Series:
    """The instants of a struct series `local`, `told`.

    Offsets change on the quarter hour at most, so each quarter hour that occurs is looked up once.
    """
    asked = rows.struct.unnest().with_columns(quarter=pl.col("local").dt.truncate("15m"))
    known = asked.select(pl.col("quarter").unique()).with_columns(
        (pl.col("quarter") - _to_utc(pl.col("quarter"), time_zone, which)).alias(which)
        for which in ("earliest", "latest")
    )
    found = asked.join(known, on="quarter", how="left", maintain_order="left")
    told = pl.duration(minutes="told", time_unit="us")
    offset = (
        pl.when(pl.col("earliest") == pl.col("latest"))
        .then("earliest")
        .when((told == pl.col("earliest")) | (told == pl.col("latest")))
        .then(told)
    )
    fault = (
        pl.when(pl.col("local").is_not_null() & pl.col("earliest").is_null())
        .then(pl.lit(NONEXISTENT))
        .when(pl.col("local").is_not_null() & offset.is_null())
        .then(pl.lit(AMBIGUOUS))
    )
    return found.select(
        pl.struct((pl.col("local") - offset).alias("utc"), fault.alias("fault"))
    ).to_series()


def local_date(utc: pl.Expr, time_zone: str) -> pl.Expr:
    """The calendar date on the clinic's wall. Assumes: `utc` is a naive UTC Datetime."""
    _require_zone(time_zone)
    return utc.dt.replace_time_zone("UTC").dt.convert_time_zone(time_zone).dt.date()


def study_day(date: pl.Expr, reference: pl.Expr) -> pl.Expr:
    """Study day without a day 0: the reference date is day 1, the day before it is day -1.

    Source: CDISC SDTM IG, section 4.4.4, --DY.
    """
    days = days_between(date, reference)
    return pl.when(days >= 0).then(days + 1).otherwise(days)


def days_between(date: pl.Expr, reference: pl.Expr) -> pl.Expr:
    """Whole calendar days from the reference to the date; 0 on the reference date."""
    return (date.cast(pl.Date) - reference.cast(pl.Date)).dt.total_days()


def minutes_between(start_utc: pl.Expr, end_utc: pl.Expr) -> pl.Expr:
    """Elapsed minutes with their fraction. Assumes: both are UTC, so no clock changes."""
    return (end_utc - start_utc).dt.total_microseconds() / _MINUTE_US


def _to_utc(local: pl.Expr, time_zone: str, ambiguous: str) -> pl.Expr:
    zoned = local.dt.replace_time_zone(time_zone, ambiguous=ambiguous, non_existent="null")
    return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _require_zone(time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError) as unknown:
        raise ContractError(
            f"unknown time zone {time_zone!r}",
            where="a time_zone declared in schemas/",
            remedy="use a name of the IANA list, for example Europe/Berlin",
        ) from unknown
