"""The page of one outcome: who is in, what changed, in which arm (closed), how sure, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipelines.reports import (
    arms,
    missing_forms,
    subgroup_section,
    thresholds,
    tipping_section,
    visit_model,
)
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import change_dots, trajectories
from pipelines.reports.layout.numbers import fraction, interval, number, percent, signed
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.responder_table import responders
from pipelines.reports.scales import Scale, mean_interval, scale_of
from pipelines.reports.source import Source


@dataclass(frozen=True)
class OutcomeReport:
    """One outcome report; the study file says which scales it shows."""

    name: str
    title: str
    mart: str
    forms: tuple[str, ...]


def outcome_page(report: OutcomeReport, source: Source) -> blocks.Page:
    """The open page (pooled) or the closed one (by arm) of an outcome."""
    declared = source.contract.study.reports[report.name]
    primary = scale_of(declared.primary)
    others = [scale_of(name) for name in declared.also]
    rows = source.rows(f"SELECT * FROM {report.mart} ORDER BY ALL")
    forms = missing_forms.due(source, report.forms)
    sections = [
        _course(source, rows, primary),
        _individual(rows, primary),
        *(
            _between_arms(source, rows, [primary, *others], report.forms[0])
            if source.audience == "closed"
            else []
        ),
        _others(source, rows, [primary, *others]),
        missing_forms.section(forms, report.forms),
        thresholds.section(source, [primary, *others]),
    ]
    return blocks.Page(
        title=f"{report.title}: {primary.title}", subtitle=source.contract.study.title, audience=source.audience,
        cutoff_text=source.cutoff_text, code_version=source.code_version, sections=tuple(sections),
        summary=_summary(source, rows, forms, primary), sources=thresholds.sources(source, [primary, *others]),
        footnotes=_footnotes(source),
    )  # fmt: skip


def _between_arms(source: Source, rows: pl.DataFrame, scales: list[Scale], form: str) -> list:
    counted = responders(source, rows, scales[0], form)
    return [
        arms.section(source, rows, scales),
        blocks.Section("Responders", (counted,)),
        visit_model.section(source, rows, scales[0]),
        tipping_section.section(source, rows, scales[0], form),
        subgroup_section.section(source, rows, scales[0], arms.overall(source, rows, scales[0])),
    ]


def _opening(text: str) -> str:
    return text[0].upper() + text[1:]


def _at_primary(rows: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    return rows.filter(pl.col("is_primary"), measure=scale.measure, scale=scale.scale)


def _summary(source: Source, rows: pl.DataFrame, forms: pl.DataFrame, primary: Scale) -> tuple:
    enrolled = source.rows(
        "SELECT count(*) AS n, count(*) FILTER (is_withdrawn) AS gone FROM core_participant"
    )
    at = _at_primary(rows, primary)
    known = at.drop_nulls("improvement")
    change = mean_interval(known["improvement"])
    visit = source.contract.study.primary_visit
    due = forms.filter(visit_code=visit)
    expected, received = int(due["n_expected"].sum()), int(due["n_received"].sum())
    unit, digits = primary.unit_text, primary.digits
    said = [
        f"{number(enrolled['n'][0])} participants are enrolled, {number(enrolled['gone'][0])} of them have left; "
        f"{number(known.height)} have {primary.title} at baseline and at {visit}.",
        "Nobody has both values yet." if change is None else
        f"Over all participants {primary.title} improved by {signed(change.estimate, digits)} {unit} on average "
        f"(95 % interval {interval(change.low, change.high, digits)}) from baseline to {visit}"
        + ("; this pooled change says nothing about either arm." if source.audience == "open" else "."),
        f"Of the forms due at {visit}, {fraction(received, expected)} have come.",
    ]  # fmt: skip
    tiles = [
        blocks.KeyNumber(
            number(enrolled["n"][0]), "participants", f"{number(enrolled['gone'][0])} have left"
        ),
        blocks.KeyNumber(
            number(known.height),
            f"with change at {visit}",
            f"of {number(enrolled['n'][0])} enrolled",
        ),
        blocks.KeyNumber(
            signed(change.estimate, digits) if change else "\N{EN DASH}",
            f"mean improvement, {unit}",
            f"95 % interval {interval(change.low, change.high, digits)}"
            if change
            else "no data yet",
        ),
        blocks.KeyNumber(
            percent(received, expected),
            f"forms at {visit}",
            f"{number(received)} of {number(expected)} due have come",
        ),
    ]
    if source.audience == "closed":
        said.insert(1, arms.sentence(source, rows, primary))
        tiles[2] = arms.tile(source, rows, primary)
    return (blocks.Paragraph(" ".join(said)), blocks.KeyNumbers(tuple(tiles)))


def _course(source: Source, rows: pl.DataFrame, scale: Scale) -> blocks.Section:
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
        title=f"{_opening(scale.title)} over the study",
    )
    columns = [
        Column("visit_code", "Visit"),
        *([Column("arm", "Arm")] if group else []),
        Column("n", "n", "number"),
        Column("mean", f"Mean, {scale.unit_text}", "number", scale.digits),
        Column("sd", "SD", "number", scale.digits),
        Column("low", "95 % interval", "interval", scale.digits, low="low", high="high"),
    ]
    listed = table(
        table_rows,
        columns,
        title=f"{_opening(scale.title)} by visit",
        by_arm=bool(group),
        note="Values as assessed; out-of-window assessments are kept and marked in the tables.",
    )
    return blocks.Section("Course", (figure, listed))


def _individual(rows: pl.DataFrame, scale: Scale) -> blocks.Section:
    at = _at_primary(rows, scale).drop_nulls("improvement")
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
         "of": at["is_real_change"].count()},
        {"what": "improved by at least the minimal important change (MCID): matters",
         "n": int(at["is_important_improvement"].sum() or 0), "of": at["is_important_improvement"].count()},
    ]).filter(pl.col("of") > 0)  # fmt: skip
    listed = table(
        counted,
        [
            Column("what", "Participants who"),
            Column("n", "n", "number"),
            Column("of", "of", "number"),
            Column("n", "share", "percent", whole="of"),
        ],
        title="Change against published thresholds",
        note="A threshold for one person's change does not judge a difference between groups.",
    )
    return blocks.Section("Individual change", (figure, listed))


def _others(source: Source, rows: pl.DataFrame, scales: list[Scale]) -> blocks.Section:
    listed = []
    for scale in scales:
        at = _at_primary(rows, scale).drop_nulls("improvement")
        found = mean_interval(at["improvement"])
        listed.append(
            {
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
            Column("n", "n", "number"),
            Column("baseline", "Baseline", "number", 2),
            Column("value", source.contract.study.primary_visit, "number", 2),
            Column(
                "improvement", "Improvement (95 % interval)", "estimate", 2, low="low", high="high"
            ),
        ],
        title="All measures of this report, both arms together",
        note="Improvement is signed so that positive is better.",
    )
    return blocks.Section("All measures", (shown,))


def _footnotes(source: Source) -> tuple[str, ...]:
    stale = source.rows(
        "SELECT clinic_name, stale_reason FROM ref_clinic WHERE is_stale ORDER BY clinic_id"
    )
    return (
        "Everything rests on what was accepted up to the cut-off; held rows are in the clinics' query letters and count as missing.",
        *(f"{name} is stale: {reason}." for name, reason in stale.iter_rows()),
        *(
            ["The arm is not in this report, nor in the database it was made from."]
            if source.audience == "open"
            else [
                "By-arm results: for the DSMB and the unblinded statistician only. Analysed as randomised, observed cases."
            ]
        ),
    )
