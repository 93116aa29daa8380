"""What central monitoring reads, from the study's tables: values with their dates, and participants with their counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

_OF_FORM = ("clinic_id", "participant_id", "visit_code", "assessed_date")
_DECIMALS = {"time": 2, "force": 0, "torque": 0, "girth": 1, "distance": 0, "line": 0}


@dataclass(frozen=True)
class Inputs:
    """`values`: one number of one form; `people`: one participant; `visits`: one held visit; `days`: one worn day.

    `values` has clinic_id, participant_id, visit_code, assessed_date, assessor_code, form, item, kind, value and
    `decimals` (null where the last digit is not a choice). No table has the arm.
    """

    values: pl.DataFrame
    people: pl.DataFrame  # clinic_id, participant_id, watched_days, events_n, diary_days, falls_n
    visits: pl.DataFrame  # clinic_id, participant_id, visit_code, assessed_date, off_target
    days: pl.DataFrame  # clinic_id, participant_id, wear_date, level


def inputs_of(tables: Mapping[str, pl.DataFrame], windows: pl.DataFrame, as_of: dt.date) -> Inputs:
    """The inputs from current rows of the contract's tables, and `answer` in long form.

    Assumes: `windows` has visit_code, target_day, from_day, to_day, counted from randomisation as day 0.
    A table that is not there gives no values.
    """
    parts = [make(tables[name]) for name, make in _READ.items() if name in tables]
    values = pl.concat(parts, how="diagonal_relaxed").drop_nulls("value")
    last_day = int(windows["to_day"].max())
    return Inputs(
        values,
        _people(tables, as_of, last_day),
        _visits(values, tables["participant"], windows),
        _days(tables.get("wear_day")),
    )


def _numbered(frame: pl.DataFrame, form: str, item: pl.Expr, kind: pl.Expr, value: pl.Expr) -> pl.DataFrame:  # fmt: skip
    return frame.select(
        *_OF_FORM, "assessor_code", form=pl.lit(form), item=item, kind=kind, value=value.cast(pl.Float64)
    ).with_columns(
        decimals=pl.col("kind").str.split(".").list.last().replace_strict(_DECIMALS, default=None, return_dtype=pl.Int8)
    )  # fmt: skip


def _joined(*names: str) -> pl.Expr:
    return pl.concat_str([pl.col(name).cast(pl.String) for name in names], separator=".", ignore_nulls=True)  # fmt: skip


def _walks(frame: pl.DataFrame) -> pl.DataFrame:
    six = pl.col("walk_test_code") == "6mwt"
    value = pl.when(six).then("timed_distance_m").otherwise("time_s")
    kind = pl.when(six).then(pl.lit("walk.distance")).otherwise(pl.lit("walk.time"))
    return _numbered(frame, "walk_test", _joined("walk_test_code", "pace_code", "trial_no"), kind, value)  # fmt: skip


def _balance(frame: pl.DataFrame) -> pl.DataFrame:
    timed = frame.filter(pl.col("balance_test_code") != "cst30")
    kind = pl.concat_str(pl.col("balance_test_code"), pl.lit(".time"))
    item = _joined("balance_test_code", "test_side_code", "eyes_code", "trial_no")
    return _numbered(timed, "balance_test", item, kind, pl.col("time_s"))


def _strength(frame: pl.DataFrame) -> pl.DataFrame:
    item = _joined("muscle_code", "test_side_code", "trial_no")
    forced = pl.col("force_n").is_not_null()
    kind = pl.when(forced).then(pl.lit("strength.force")).otherwise(pl.lit("strength.torque"))
    return _numbered(frame, "strength", item, kind, pl.coalesce("force_n", "torque_nm"))


def _girth(frame: pl.DataFrame) -> pl.DataFrame:
    item = _joined("girth_site_code", "test_side_code")
    return _numbered(frame, "knee_girth", item, pl.lit("knee.girth"), pl.col("girth_cm"))


def _answers(frame: pl.DataFrame) -> pl.DataFrame:
    on_line = pl.col("item").str.ends_with("_mm")
    kind = pl.when(on_line).then(pl.lit("rating.line")).otherwise(pl.lit("answer"))
    told = frame if "assessor_code" in frame.columns else frame.with_columns(assessor_code=pl.lit(None, pl.String))  # fmt: skip
    return _numbered(told, "", pl.col("item"), kind, pl.col("answer")).with_columns(form=told["measure"])  # fmt: skip


_READ = {
    "walk_test": _walks,
    "balance_test": _balance,
    "strength": _strength,
    "knee_girth": _girth,
    "answer": _answers,
}


def _people(tables: Mapping[str, pl.DataFrame], as_of: dt.date, last_day: int) -> pl.DataFrame:
    """Person-time ends with the last visit's window, with withdrawal, or with the cut-off."""
    ended = pl.min_horizontal(pl.lit(as_of), pl.col("withdrawn_date"))
    days = (ended - pl.col("randomised_date")).dt.total_days()
    people = tables["participant"].select(
        "clinic_id", "participant_id", watched_days=days.clip(0, last_day)
    )
    events = tables["adverse_event"].group_by("participant_id").agg(events_n=pl.len())
    covered = (pl.col("diary_to_date") - pl.col("diary_from_date")).dt.total_days() + 1
    diaries = tables["fall_diary"].group_by("participant_id").agg(
        diary_days=covered.sum(), falls_n=pl.col("diary_falls_n").sum()
    )  # fmt: skip
    counts = people.join(events, on="participant_id", how="left")
    return counts.join(diaries, on="participant_id", how="left").with_columns(
        pl.col("events_n", "diary_days", "falls_n").fill_null(0)
    )


def _visits(values: pl.DataFrame, people: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """The first form's date of each scheduled visit, with the days between it and its target."""
    held = values.group_by("clinic_id", "participant_id", "visit_code").agg(pl.col("assessed_date").min())  # fmt: skip
    since = pl.col("assessed_date") - pl.col("randomised_date")
    return (
        held.join(people.select("participant_id", "randomised_date"), on="participant_id")
        .join(windows, on="visit_code")
        .with_columns(off_target=since.dt.total_days() - pl.col("target_day"))
        .select("clinic_id", "participant_id", "visit_code", "assessed_date", "randomised_date", "off_target",
                half_window=(pl.col("to_day") - pl.col("from_day")) / 2)
        .sort("clinic_id", "participant_id", "visit_code")
    )  # fmt: skip


def _days(worn: pl.DataFrame | None) -> pl.DataFrame:
    """The logarithm of a day's counts per minute worn, of days of at least an hour."""
    schema = {"clinic_id": pl.String, "participant_id": pl.String, "wear_date": pl.Date, "level": pl.Float64}  # fmt: skip
    if worn is None:
        return pl.DataFrame(schema=schema)
    seen = worn.filter(pl.col("vm_counts_sum") > 0, pl.col("wear_min") >= 60)
    level = (pl.col("vm_counts_sum") / pl.col("wear_min")).log()
    return seen.select("clinic_id", "participant_id", "wear_date", level=level)
