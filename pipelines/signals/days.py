"""Local days of a recording, and the days around a visit: worn, active, walking."""

from __future__ import annotations

import polars as pl

from pipelines.contracts.wear import WearDef
from pipelines.signals.limits import CUT_POINTS
from pipelines.signals.windows import EPOCH_S, SECOND_US

NO_CUT_POINT = "mvpa:no_cut_point_for_placement"
_SATURDAY = 6
_SPEED = pl.col("speed_mps")
_SUMS = ("n_bouts", "n_backward_bouts", "walking_min", "steps_n")


def local_date(time_us: str, zone: str | None) -> pl.Expr:
    """The calendar day of an instant; `zone` is where it was worn if the clock was UTC, else None: wall clock."""
    at = pl.col(time_us).cast(pl.Datetime("us"))
    if zone is not None:
        at = at.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    return at.dt.date()


def activity_days(
    epochs: pl.DataFrame, rate_hz: float, placement: str | None, zone: str | None, wear: WearDef
) -> pl.DataFrame:
    """One row per local day with samples: minutes, whether the day is valid, mean ENMO and MAD, MVPA.

    Minutes are of samples there are: `recorded_min` = worn + not worn + unknown. ENMO, MAD and MVPA are of worn
    epochs alone, and null on a day without any. MVPA needs a cut-point for the placement (limits.CUT_POINTS).
    Assumes: `epochs` as activity.epochs gives them.
    """
    cut = {p.intensity: p.value for p in CUT_POINTS if p.placement == placement}
    share = (pl.col("n") / (rate_hz * EPOCH_S)).clip(0, 1)
    minutes = share * (EPOCH_S / 60)
    worn = pl.col("worn").fill_null(False)

    def mean_mg(metric: str) -> pl.Expr:
        weight = pl.when(worn & pl.col(metric).is_not_null()).then(share)
        return _unless_zero((pl.col(metric) * weight).sum() * 1000 / weight.sum(), weight.sum())

    def minutes_from(intensity: str) -> pl.Expr:
        if intensity not in cut:
            return pl.lit(None, dtype=pl.Float64)
        told = worn & pl.col("mad_g").is_not_null()
        return _unless_zero(
            minutes.filter(told & (pl.col("mad_g") >= cut[intensity])).sum(), told.sum()
        )

    days = (
        epochs.group_by(wear_date=local_date("time_us", zone))
        .agg(
            recorded_min=minutes.sum(),
            wear_min=minutes.filter(pl.col("worn")).sum(),
            nonwear_min=minutes.filter(~pl.col("worn")).sum(),
            unknown_min=minutes.filter(pl.col("worn").is_null()).sum(),
            enmo_mean_mg=mean_mg("enmo_g"),
            mad_mean_mg=mean_mg("mad_g"),
            mvpa_min=minutes_from("moderate"),
            vigorous_min=minutes_from("vigorous"),
        )
        .sort("wear_date")
    )
    return days.with_columns(
        is_valid=pl.col("wear_min") >= wear.valid_day.min_worn_h * 60,
        is_weekend=pl.col("wear_date").dt.weekday() >= _SATURDAY,
        abstained=pl.lit([] if cut else [NO_CUT_POINT], dtype=pl.List(pl.String)),
    )


def dated(bouts: pl.DataFrame, zone: str | None) -> pl.DataFrame:
    """The bouts with `wear_date`, the local day they began on, and `duration_s`."""
    return bouts.with_columns(
        wear_date=local_date("start_us", zone),
        duration_s=(pl.col("end_us") - pl.col("start_us")) / SECOND_US,
    )


def walking_days(
    bouts: pl.DataFrame, days: pl.DataFrame, wear: WearDef, *, is_told: bool = True
) -> pl.DataFrame:
    """One row per day of `days` and class of bout length: bouts, minutes, steps, and how speed is spread.

    A day worn without a bout has 0 bouts, one not worn has null: nothing was seen, not nothing walked; so have all
    where the gait chain abstained from the recording (`is_told` false). Classes overlap
    (`over_10` holds `over_30`), as in Mobilise-D's aggregation (github.com/mobilise-d/mobgap, src/mobgap/aggregation).
    Speed is of forward walking: bouts whose `direction` is backward are counted, but have no part in it.
    Assumes: `bouts` as `dated` gives them, with `steps_n`, and `speed_mps` and `direction` where they are known.
    """
    found = (
        days.select("wear_date", "wear_min")
        .join(_classes(wear), how="cross")
        .join(
            _by_class(bouts, "wear_date", wear),
            on=["wear_date", "bout_class"],
            how="left",
            maintain_order="left",
        )
    )
    is_seen = pl.lit(is_told) & (pl.col("wear_min") > 0)
    return found.with_columns(_none_seen(is_seen)).drop("wear_min")


def visit_windows(
    days: pl.DataFrame, bouts: pl.DataFrame, visits: pl.DataFrame, wear: WearDef
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(activity per visit, walking per visit and class of bout length) over the valid days around each visit.

    Minutes, bouts and steps are means per valid day; speed is spread over all bouts of those days. All are null
    where `is_valid` is false: fewer valid days, or valid weekend days, than the study asks for.
    Assumes: `visits` has `visit_code` and `visit_date`; `days` and `bouts` are of one participant.
    """
    span = wear.around_visit
    near = visits.join(days, how="cross").filter(
        (pl.col("wear_date") - pl.col("visit_date")).dt.total_days().is_between(span.from_, span.to)
    )
    valid = pl.col("is_valid")
    means = ("wear_min", "enmo_mean_mg", "mad_mean_mg", "mvpa_min", "vigorous_min")
    told = near.group_by("visit_code").agg(
        n_days=pl.len(),
        n_valid_days=valid.sum(),
        n_valid_weekend_days=(valid & pl.col("is_weekend")).sum(),
        **{name: pl.col(name).filter(valid).mean() for name in means},
    )
    zero = [pl.col(n).fill_null(0) for n in ("n_days", "n_valid_days", "n_valid_weekend_days")]
    rule = wear.valid_window
    activity = (
        visits.join(told, on="visit_code", how="left", maintain_order="left")
        .with_columns(zero)
        .with_columns(
            is_valid=(pl.col("n_valid_days") >= rule.min_days)
            & (pl.col("n_valid_weekend_days") >= rule.min_weekend_days)
        )
        .with_columns(pl.when("is_valid").then(pl.col(means)))
    )
    usable = near.filter(valid).join(activity.filter("is_valid"), on="visit_code", how="semi")
    chosen = bouts.join(usable.select("visit_code", "wear_date"), on="wear_date")
    spread = _by_class(chosen, "visit_code", wear)
    grid = activity.select("visit_code", "is_valid", "n_valid_days").join(
        _classes(wear), how="cross"
    )
    walking = grid.join(
        spread, on=["visit_code", "bout_class"], how="left", maintain_order="left"
    ).with_columns(_none_seen(pl.col("is_valid")))
    per_day = {f"{name}_per_day": pl.col(name) / pl.col("n_valid_days") for name in _SUMS}
    return activity, walking.with_columns(**per_day).drop(_SUMS)


def _none_seen(where: pl.Expr) -> list[pl.Expr]:
    """Sums of a class without a bout are 0 `where` one would have been seen; an unknown number stays null."""
    is_zero = where & pl.col("n_bouts").is_null()
    return [pl.when(is_zero).then(0).otherwise(pl.col(name)).alias(name) for name in _SUMS]


def _classes(wear: WearDef) -> pl.DataFrame:
    return pl.DataFrame(
        [(name, c.from_, c.to) for name, c in wear.bout_classes_s.items()],
        schema={"bout_class": pl.String, "from_s": pl.Float64, "to_s": pl.Float64},
        orient="row",
    )


def _by_class(bouts: pl.DataFrame, key: str, wear: WearDef) -> pl.DataFrame:
    """Sums and the spread of speed per `key` and class, for those that have a bout."""
    for name, kind in (("steps_n", pl.Int64), ("speed_mps", pl.Float64), ("direction", pl.String)):
        if name not in bouts.columns:
            bouts = bouts.with_columns(pl.lit(None, dtype=kind).alias(name))
    is_back = (pl.col("direction") == "backward").fill_null(False)
    speed = _SPEED.filter(~is_back)
    in_class = (pl.col("duration_s") >= pl.col("from_s")) & (
        pl.col("to_s").is_null() | (pl.col("duration_s") < pl.col("to_s"))
    )
    return (
        bouts.join(_classes(wear), how="cross")
        .filter(in_class)
        .group_by(key, "bout_class")
        .agg(
            n_bouts=pl.len(),
            n_backward_bouts=is_back.sum(),
            walking_min=pl.col("duration_s").sum() / 60,
            # One bout whose steps are unknown makes the sum unknown.
            steps_n=_unless_zero(pl.col("steps_n").sum(), pl.col("steps_n").is_not_null().all()),
            n_speeds=speed.count(),
            speed_mean_mps=speed.mean(),
            **{f"speed_p{p}_mps": speed.quantile(p / 100, "linear") for p in (10, 25, 50, 75, 90)},
        )
    )


def _unless_zero(value: pl.Expr, what: pl.Expr) -> pl.Expr:
    """`value`, or null where `what` is nought or false."""
    return pl.when(what.cast(pl.Float64) > 0).then(value)
