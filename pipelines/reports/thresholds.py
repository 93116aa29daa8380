"""The published thresholds of the scales a report shows, and where they and the scores come from."""

from __future__ import annotations

import polars as pl

from pipelines import measures
from pipelines.reports.layout import blocks
from pipelines.reports.layout.results import Basis
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale
from pipelines.reports.source import Source

UNIT_TEXT = {"mps": "m/s", "points": "points", "s": "s"}


def section(source: Source, scales: list[Scale]) -> blocks.Section:
    rows = source.rows(
        "SELECT * FROM ref_threshold WHERE purpose <> 'cutoff' ORDER BY measure, scale, purpose, value, population"
    )
    mine = pl.concat([rows.filter(measure=s.measure, scale=s.scale) for s in scales]).with_columns(
        used=pl.when("is_reported").then(pl.lit("used here")).otherwise(pl.lit("")),
        state=pl.when("verified").then(pl.lit("verified")).otherwise(pl.lit("UNVERIFIED")),
        name=pl.col("measure") + "." + pl.col("scale"),
        purpose=pl.col("purpose").str.to_uppercase(),
        of_purpose="purpose",
        unit=pl.when("relative")
        .then(pl.lit("% of baseline"))
        .otherwise(pl.col("unit").replace(UNIT_TEXT)),
    )
    shown = table(
        mine,
        [
            Column("name", "Scale"),
            Column("purpose", "Purpose"),
            Column("value", "Value", "number", 2, unit_from="unit", of="max(value)"),
            Column("unit", "Unit"),
            Column("population", "Population"),
            Column("used", "Use"),
            Column("state", "State"),
        ],
        title="Published thresholds of these scales",
        note="Sources are listed at the end of the page.",
        basis=Basis(
            "ref_threshold",
            by={
                "measure": "measure",
                "scale": "scale",
                "of_purpose": "purpose",
                "population": "population",
                "baseline_low": "baseline_low",
            },
        ),
    )
    return blocks.Section("Thresholds", (shown,))


def sources(source: Source, scales: list[Scale]) -> tuple[str, ...]:
    names = {(s.measure, s.scale) for s in scales}
    rows = source.rows(
        "SELECT DISTINCT measure, scale, purpose, source FROM ref_threshold WHERE purpose <> 'cutoff' ORDER BY ALL"
    )
    cited = [
        f"{m}.{s} {p.upper()}: {text}" for m, s, p, text in rows.iter_rows() if (m, s) in names
    ]
    scored = [
        f"{m}: {measures.discovered()[m].MEASURE.source}" for m in sorted({m for m, _ in names})
    ]
    return tuple(dict.fromkeys([*scored, *cited]))
