"""Made-up frames and figures of them; as a script it prints a page, for a second process."""

from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import polars as pl

from pipelines.reports.layout import figures
from pipelines.reports.layout.blocks import (
    Callout,
    Definition,
    Definitions,
    Figure,
    KeyNumber,
    KeyNumbers,
    Link,
    Links,
    Page,
    Paragraph,
    Section,
)
from pipelines.reports.layout.page import render_page
from pipelines.reports.layout.tables import Column, table

DAYS = (0, 21, 42, 90)
SPEED = {"measure": "Gait speed", "unit": "m/s"}


def people(n: int, *, arms: bool = False, seed: int = 1) -> pl.DataFrame:
    chance = np.random.default_rng(seed)
    value = (
        chance.normal(1.05, 0.18, (n, 1)) + 0.0018 * np.array(DAYS) + chance.normal(0, 0.04, (n, 4))
    )
    frame = pl.DataFrame(
        {
            "participant_id": np.repeat([f"PERSON-{i:04d}" for i in range(n)], len(DAYS)),
            "visit_day": np.tile(DAYS, n),
            "value": value.ravel(),
        }
    )
    if not arms:
        return frame
    odd = frame["participant_id"].str.tail(1).cast(pl.Int64) % 2 == 1
    return frame.with_columns(group=pl.when(odd).then(pl.lit("A")).otherwise(pl.lit("B")))


def means(frame: pl.DataFrame) -> pl.DataFrame:
    keys = [name for name in ("group", "visit_day") if name in frame.columns]
    made = frame.group_by(keys).agg(mean=pl.col("value").mean(), n=pl.len()).sort(keys)
    return made.with_columns(low=pl.col("mean") - 0.05, high=pl.col("mean") + 0.05)


def trajectories(n: int, *, arms: bool = False) -> Figure:
    frame = people(n, arms=arms)
    return figures.trajectories(frame, means(frame), better="higher", title="Speed", **SPEED)


def forest(n: int) -> Figure:
    clinics = pl.DataFrame(
        {
            "label": [f"Clinic {i}" for i in range(n)],
            "estimate": [0.05 + 0.01 * i for i in range(n)],
            "low": [-0.05] * n,
            "high": [0.15] * n,
            "n": [10 + i for i in range(n)],
        }
    )
    return figures.forest(
        clinics,
        figures.Overall(0.06, 0.01, 0.11, 40),
        favours=("favours B", "favours A"),
        references=[(0.1, "MCID 0.10"), (0.14, "MDC 0.14")],
        title="Effect",
        **SPEED,
    )


def change_dots(n: int) -> Figure:
    change = np.random.default_rng(2).normal(0.07, 0.1, n)
    return figures.change_dots(
        pl.DataFrame({"change": change}), mdc=0.14, mcid=0.1, title="Change", **SPEED
    )


def missingness(n: int) -> Figure:
    cells = pl.DataFrame(
        {
            "clinic_id": [f"clinic-{i}" for i in range(n) for _ in range(3)],
            "visit_code": ["BL", "W6", "W12"] * n,
            "n_expected": [8, 6, 0] * n,
            "n_received": [7, 3, 0] * n,
            "n_missing": [1, 3, 0] * n,
        }
    )
    return figures.missingness(cells, title="Missing")


def arrival_calendar(n: int) -> Figure:
    first = dt.date(2026, 10, 20)
    expected = pl.DataFrame(
        {
            "clinic_id": ["aachen"] * n,
            "file_kind": ["sessions"] * n,
            "expected_date": [first + dt.timedelta(days=i) for i in range(n)],
            "state": [("came", "late", "missing", "refused")[i % 4] for i in range(n)],
        }
    )
    return figures.arrival_calendar(expected, title="Files")


def stacked_counts(n: int) -> Figure:
    counts = pl.DataFrame(
        {
            "clinic": [f"clinic-{i}" for i in range(n) for _ in range(3)],
            "status": ["accepted", "quarantined", "duplicate"] * n,
            "n": [100, 7, 5] * n,
        }
    )
    return figures.stacked_counts(counts, title="Rows")


def week_adherence(n: int) -> Figure:
    weeks = pl.DataFrame({"week": range(1, n + 1), "planned": [20] * n, "attended": [15] * n})
    return figures.week_adherence(weeks, title="Sessions")


DRAWN = {
    "trajectories": trajectories,
    "forest": forest,
    "change_dots": change_dots,
    "missingness": missingness,
    "arrival_calendar": arrival_calendar,
    "stacked_counts": stacked_counts,
    "week_adherence": week_adherence,
}


def page(audience: str = "closed", *, extra: tuple = (), text: str = "Speed rose.") -> Page:
    """A page with a block of every kind."""
    listed = table(pl.DataFrame({"clinic": [text]}), [Column("clinic", "Clinic")], title=text)
    return Page(
        title=text,
        subtitle=text,
        audience=audience,
        cutoff_text="2026-11-22 23:59 UTC",
        code_version="0.1.0+abc",
        summary=(Paragraph(text), KeyNumbers((KeyNumber("0.07", text, text),))),
        sections=(
            Section("First", (listed, change_dots(12), *extra)),
            Section("Second", (Callout(text, text), Definitions((Definition(text, text),)))),
            Section("Third", (Links((Link("balance.html", text, text),)), missingness(2))),
        ),
        sources=(text,),
        footnotes=(text,),
    )


if __name__ == "__main__":
    sys.stdout.write(render_page(page(extra=(trajectories(30, arms=True), forest(4)))))
