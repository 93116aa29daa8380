"""Steps of a Withings export by local day: from lists of minutes, or as daily totals."""

from __future__ import annotations

import polars as pl

from pipelines.devices.export_cells import lines_below
from pipelines.errors import DeliveryRefused

RAW_BEGIN = "start,duration,value"
DAY_SCHEMA = {
    "row_no": pl.Int64,
    "wear_date": pl.Date,
    "epoch_s": pl.Int64,
    "epochs_n": pl.Int64,
    "steps_n": pl.Int64,
}
_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$"
_LIST = r"^\[\d+(\.\d+)?(,\d+(\.\d+)?)*\]$"
# ten years of one account have 390,000 lines and 1.4 million entries in their two lists
_MAX_LINES, _MAX_ITEMS, _BATCH = 400_000, 2_000_000, 20_000
_MAX_TOTALS, _LONGEST_LIST = 40_000, 1500
_MINUTE_S, _DAY_S, _LATEST_S = 60, 86_400, 4_000_000_000
_MOST_A_MINUTE, _LEAST_WALKED = 300, 20
_LOW = 25  # a minute with so few steps is common; no heart beats so slowly
_MOST_A_DAY = 120_000
Findings = list[tuple[int, str]]


def step_days(text: str, where: str) -> tuple[pl.DataFrame, Findings]:
    """Minutes of steps summed by the local day of their own offset; `row_no` is the line.

    A line that cannot be read, or whose lists differ in length, is a finding; so is a minute that
    came before (the first is used).
    """
    if text.count(",") > _MAX_ITEMS:
        raise DeliveryRefused(
            "too_large", f"more than {_MAX_ITEMS} entries", where=where,
            remedy="export a shorter time",
        )  # fmt: skip
    lines = lines_below(text, where, _MAX_LINES)
    read = pl.concat([_items(batch) for batch in lines.iter_slices(_BATCH)] or [_items(lines)])
    unread = lines.join(read, on="row_no", how="anti", maintain_order="left")["row_no"].to_list()
    if read.is_empty() or len(unread) * 2 > len(lines):
        raise _no_epochs(len(unread), len(lines), where)
    _check_that_steps(read, where)
    is_first = pl.col("at_s").is_first_distinct()
    repeated = read.filter(~is_first)["row_no"].unique().sort().to_list()
    days = (
        read.filter(is_first)
        .group_by(
            wear_date=((pl.col("at_s") + pl.col("offset_s")) * 1_000_000)
            .cast(pl.Datetime("us"))
            .dt.date()
        )
        .agg(
            pl.col("row_no").min(),
            epochs_n=pl.col("lasts_s").sum() // _MINUTE_S,
            steps_n=pl.col("value").sum(),
        )
        .sort("row_no", "wear_date")
        .with_columns(epoch_s=pl.lit(_MINUTE_S))
    )
    findings = [(row_no, "unreadable_epoch") for row_no in unread]
    findings += [(row_no, "repeated_epoch") for row_no in repeated]
    return _typed(days), sorted(findings)


def _items(lines: pl.DataFrame) -> pl.DataFrame:
    """One row per entry of the lists of good lines: when it began in UTC, how long, how much."""
    parts = (
        pl.col("line")
        .str.replace_all('"', "", literal=True)
        .str.extract_groups(r"^([^,]*),(\[[^\]]*\]),(\[[^\]]*\])$")
        .struct
    )
    lines = lines.select(
        "row_no",
        "is_whole",
        **{name: parts.field(str(i)) for i, name in enumerate(("at", "s", "n"), start=1)},
    )
    n_items = pl.col("s").str.count_matches(",", literal=True)
    lines = lines.filter(
        pl.col("is_whole"),
        pl.col("at").str.contains(_STAMP),
        pl.col("s").str.contains(_LIST),
        pl.col("n").str.contains(_LIST),
        n_items == pl.col("n").str.count_matches(",", literal=True),
        n_items < _LONGEST_LIST,
    )
    local = pl.col("at").str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    hours, minutes = (pl.col("at").str.slice(at, 2).cast(pl.Int32) for at in (20, 23))
    sign = pl.when(pl.col("at").str.slice(19, 1) == "-").then(-1).otherwise(1)
    lasts_s, value = (
        pl.col(name).str.strip_chars("[]").str.split(",").cast(pl.List(pl.Float64), strict=False)
        for name in ("s", "n")
    )
    began = pl.col("lasts_s").cum_sum().over("row_no") - pl.col("lasts_s")
    items = (
        lines.select(
            "row_no",
            lasts_s=lasts_s,
            value=value,
            start_s=local.dt.epoch("s"),
            offset_s=sign * (hours * 3600 + minutes * 60),
        )
        .explode("lasts_s", "value")
        .with_columns(
            at_s=(pl.col("start_s") + began).cast(pl.Int64, strict=False) - pl.col("offset_s")
        )
    )
    sound = pl.col("at_s").is_between(0, _LATEST_S) & (pl.col("lasts_s") <= _DAY_S)
    good = (sound & pl.col("value").is_not_null()).fill_null(False)
    return items.filter(good.all().over("row_no"))


def _check_that_steps(read: pl.DataFrame, where: str) -> None:
    """Refuses lists that are, or may be, another measure than steps."""
    found = read.select(
        whole=(pl.col("value") % 1 == 0).all(),
        on_minute=(pl.col("start_s") % _MINUTE_S == 0).mean(),
        rate=(pl.col("value") * _MINUTE_S / pl.col("lasts_s")).filter(pl.col("lasts_s") > 0).max(),
        most=pl.col("value").max(),
        low=pl.col("value").is_between(1, _LOW - 1).any(),
    ).row(0, named=True)
    if not found["whole"] or found["on_minute"] < 0.9 or (found["rate"] or 0) > _MOST_A_MINUTE:
        raise DeliveryRefused(
            "not_used",
            "a list of distance, heart rate, place or calories, not of steps",
            where=where,
            remedy="send raw_tracker_steps.csv",
        )
    if found["most"] < _LEAST_WALKED or not found["low"]:
        raise DeliveryRefused(
            "unknown_measure",
            "the values may be steps, but also floors, sleep states or heart rates",
            where=where,
            remedy="send raw_tracker_steps.csv of a longer time",
        )


def daily_totals(text: str, where: str) -> tuple[pl.DataFrame, Findings]:
    """Daily totals of steps as the account shows them; `row_no` is the line."""
    lines = lines_below(text, where, _MAX_TOTALS)
    cells = pl.col("line").str.splitn(",", 2).struct
    lines = lines.with_columns(
        # %Y alone also takes signs and five digits
        wear_date=pl.when(cells.field("field_0").str.contains(r"^[12]\d{3}-\d\d-\d\d$")).then(
            cells.field("field_0").str.to_date("%Y-%m-%d", strict=False)
        ),
        value=pl.when("is_whole").then(
            pl.when(cells.field("field_1").str.contains(r"^\d{1,9}(\.\d{1,6})?$")).then(
                cells.field("field_1").cast(pl.Float64, strict=False)
            )
        ),
    )
    read = lines.drop_nulls(["wear_date", "value"])
    unread = lines.join(read, on="row_no", how="anti", maintain_order="left")["row_no"].to_list()
    if read.is_empty() or len(unread) * 2 > len(lines):
        raise _no_epochs(len(unread), len(lines), where)
    if (read["value"] % 1 != 0).any():
        raise DeliveryRefused(
            "not_used", "daily totals of distance or calories, not of steps", where=where,
            remedy="send aggregates_steps.csv",
        )  # fmt: skip
    if not read["value"].is_between(100, _MOST_A_DAY).any() or read["value"].max() > _MOST_A_DAY:
        raise DeliveryRefused(
            "unknown_measure", "the values may be steps, but also floors", where=where,
            remedy="send aggregates_steps.csv of a longer time",
        )  # fmt: skip
    is_first = pl.col("wear_date").is_first_distinct()
    repeated = read.filter(~is_first)["row_no"].to_list()
    days = read.filter(is_first).select(
        "row_no", "wear_date", epoch_s=None, epochs_n=None, steps_n="value"
    )
    findings = [(row_no, "unreadable_epoch") for row_no in unread]
    findings += [(row_no, "repeated_epoch") for row_no in repeated]
    return _typed(days), sorted(findings)


def _typed(days: pl.DataFrame) -> pl.DataFrame:
    return days.select(pl.col(name).cast(kind) for name, kind in DAY_SCHEMA.items())


def _no_epochs(n_unread: int, n_lines: int, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "no_epochs",
        f"{n_unread} of {n_lines} lines cannot be read",
        where=where,
        remedy="export it again, and send it unopened",
    )
