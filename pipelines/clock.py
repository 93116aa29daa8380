"""Clinic wall clocks, UTC instants and study days, on whole columns."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

from pipelines.errors import ContractError

NONEXISTENT = "nonexistent_local_time"
AMBIGUOUS = "ambiguous_local_time"
_MINUTE_US = 60_000_000


def local_to_utc(local: pl.Expr, time_zone: str, offset_minutes: pl.Expr | None = None) -> pl.Expr:
    """A struct `utc` (naive Datetime us) and `fault` for clinic wall-clock times.

    A time the clock skipped, or showed twice, gets a fault and no instant. `offset_minutes`, the
    sender's own minutes east of UTC, settles a time shown twice if it was in force then.
    Assumes: `local` is a naive Datetime.
    """
    _require_zone(time_zone)
    local = local.cast(pl.Datetime("us"))
    earliest, latest = (
        _to_utc(local, time_zone, ambiguous) for ambiguous in ("earliest", "latest")
    )
    told = pl.lit(None, pl.Datetime("us"))
    if offset_minutes is not None:
        told = local - pl.duration(minutes=offset_minutes.cast(pl.Int64), time_unit="us")
    utc = (
        pl.when(earliest == latest)
        .then(earliest)
        .when((told == earliest) | (told == latest))
        .then(told)
    )
    fault = (
        pl.when(local.is_not_null() & earliest.is_null())
        .then(pl.lit(NONEXISTENT))
        .when(local.is_not_null() & utc.is_null())
        .then(pl.lit(AMBIGUOUS))
    )
    return pl.struct(utc.alias("utc"), fault.alias("fault"))


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
