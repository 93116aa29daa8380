"""The parts of an outcome report that both audiences read: course, individual change, all its measures."""

from __future__ import annotations

import polars as pl

from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import change_dots, trajectories
from pipelines.reports.layout.figures.responder_curve import responder_curves
from pipelines.reports.layout.results import Basis
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale, basis_of, mean_interval
from pipelines.reports.source import Source


def at_primary(rows: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    return rows.filter(pl.col("is_primary"), measure=scale.measure, scale=scale.scale)


def opening(text: str) -> str:
    return text[0].upper() + text[1:]


def course(source: Source, mart: str, rows: pl.DataFrame, scale: Scale) -> blocks.Section:
    mine = rows.filter(measure=scale.measure, scale=scale.scale)
    group = ["arm"] if source.audience == "closed" else []
    visits = source.rows("SELECT visit_code, visit_order, target_day FROM ref_visit")
    people = mine.join(visits, on="visit_code").select(
        "participant_id",
        "value",
        pl.col("study_day").alias("visit_day"),
        *(pl.col(g).alias("group") for g in group),
    )
    by = [*group, "visit_code", "visit_order"]
    stats = []
    for key, part in mine.drop_nulls("value").group_by(by, maintain_order=True):
        found = mean_interval(part["value"])
        stats.append(
            {
                **dict(zip(by, key, strict=True)),
                "n": part.height,
                "mean": part["value"].mean(),
                "sd": part["value"].std(),
                "low": found.low if found else None,
                "high": found.high if found else None,
            }
        )
    schema = {
        **dict.fromkeys(group, pl.String),
        "visit_code": pl.String,
        "visit_order": pl.Int64,
        "n": pl.Int64,
        "mean": pl.Float64,
        "sd": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
    table_rows = pl.DataFrame(stats, schema=schema).sort("visit_order", *group)
    means = table_rows.join(visits.drop("visit_order"), on="visit_code").select(
        "mean",
        "low",
        "high",
        "n",
        (pl.col("target_day") + 1).alias("visit_day"),
        *(pl.col(g).alias("group") for g in group),
    )
    figure = trajectories(
        people,
        means,
        measure=scale.title,
        unit=scale.unit_text,
        better=scale.better,
        title=f"{opening(scale.title)} over the study",
    )
    columns = [
        Column("visit_code", "Visit"),
        *([Column("arm", "Arm")] if group else []),
        Column("n", "n", "number", of="count(*)"),
        Column("mean", f"Mean, {scale.unit_text}", "number", scale.digits, unit=scale.unit_text, of="avg(value)"),
        Column("sd", "SD", "number", scale.digits, unit=scale.unit_text, of="stddev_samp(value)"),
        Column("low", "95 % interval", "interval", scale.digits, low="low", high="high", unit=scale.unit_text),
    ]  # fmt: skip
    listed = table(
        table_rows,
        columns,
        title=f"{opening(scale.title)} by visit",
        by_arm=bool(group),
        note="Values as assessed; out-of-window assessments are kept and marked in the tables.",
        basis=basis_of(
            mart, scale, "value IS NOT NULL", visit_code="visit_code", **{g: g for g in group}
        ),
    )
    return blocks.Section("Course", (figure, listed))


def individual(source: Source, mart: str, rows: pl.DataFrame, scale: Scale) -> blocks.Section:
    at = at_primary(rows, scale).drop_nulls("improvement")
    one = {name: at[name].drop_nulls().unique().to_list() for name in ("mdc95", "mcid")}
    single = {name: values[0] if len(values) == 1 else None for name, values in one.items()}
    banded = [name.upper() for name, values in one.items() if len(values) > 1]
    note = (
        f"{', '.join(banded)} differs by baseline value; counted in the table, not drawn."
        if banded
        else ""
    )
    figure = change_dots(
        at.select("participant_id", change="improvement"),
        mdc=single["mdc95"],
        mcid=single["mcid"],
        measure=scale.title,
        unit=scale.unit_text,
        digits=scale.digits,
        title=f"Each participant's change at {scale.visit_text}",
        note=note,
    )
    counted = pl.DataFrame([
        {"what": "changed by at least the minimal detectable change (MDC): real", "n": int(at["is_real_change"].sum() or 0),
         "of": at["is_real_change"].count(), "test": "is_real_change"},
        {"what": "improved by at least the minimal important change (MCID): matters",
         "n": int(at["is_important_improvement"].sum() or 0), "of": at["is_important_improvement"].count(), "test": "is_important_improvement"},
    ]).filter(pl.col("of") > 0)  # fmt: skip
    listed = table(
        counted,
        [
            Column("what", "Participants who"),
            Column("n", "n", "number", n="of", of="count(*) FILTER ({test})"),
            Column("of", "of", "number", n="of", of="count({test})"),
            Column(
                "n", "share", "percent", whole="of", of="count(*) FILTER ({test}) / count({test})"
            ),
        ],
        title="Change against published thresholds",
        note="A threshold for one person's change does not judge a difference between groups.",
        basis=basis_of(mart, scale, "is_primary AND improvement IS NOT NULL"),
    )
    closed = source.audience == "closed"
    curves = responder_curves(
        at.select("improvement", group="arm" if closed else pl.lit("all participants")),
        measure=opening(scale.title), unit=scale.unit_text, title="Share that improved by at least so much",
        mcid=single["mcid"], mdc=single["mdc95"], by_arm=closed,
    )  # fmt: skip
    return blocks.Section("Individual change", (figure, listed, curves))


def others(source: Source, mart: str, rows: pl.DataFrame, scales: list[Scale]) -> blocks.Section:
    listed = []
    for scale in scales:
        at = at_primary(rows, scale).drop_nulls("improvement")
        found = mean_interval(at["improvement"])
        listed.append(
            {
                "of_measure": scale.measure,
                "of_scale": scale.scale,
                "scale": scale.title,
                "unit": scale.unit_text,
                "better": scale.better,
                "n": at.height,
                "baseline": at["baseline_value"].mean(),
                "value": at["value"].mean(),
                "improvement": found.estimate if found else None,
                "low": found.low if found else None,
                "high": found.high if found else None,
            }
        )
    shown = table(
        pl.DataFrame(
            listed,
            schema_overrides=dict.fromkeys(
                ("baseline", "value", "improvement", "low", "high"), pl.Float64
            ),
        ),
        [
            Column("scale", "Measure"),
            Column("unit", "Unit"),
            Column("better", "Better"),
            Column("n", "n", "number", of="count(*)"),
            Column("baseline", "Baseline", "number", 2, unit_from="unit", of="avg(baseline_value)"),
            Column(
                "value",
                source.contract.study.primary_visit,
                "number",
                2,
                unit_from="unit",
                of="avg(value)",
            ),
            Column(
                "improvement",
                "Improvement (95 % interval)",
                "estimate",
                2,
                low="low",
                high="high",
                unit_from="unit",
                of="avg(improvement)",
            ),
        ],
        title="All measures of this report, both arms together",
        note="Improvement is signed so that positive is better.",
        basis=Basis(
            mart,
            "is_primary AND improvement IS NOT NULL",
            {"of_measure": "measure", "of_scale": "scale"},
        ),
    )
    return blocks.Section("All measures", (shown,))
