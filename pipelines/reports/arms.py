"""The closed part of an outcome report: adjusted difference between the arms, overall and per clinic."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.ancova import ArmDifference, adjusted_difference, by_clinic
from pipelines.reports import strata
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import Overall, forest
from pipelines.reports.layout.numbers import interval, number, p_value, signed
from pipelines.reports.layout.results import Basis, estimated
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale, basis_of
from pipelines.reports.source import Source


def difference(source: Source, rows: pl.DataFrame, scale: Scale) -> ArmDifference:
    """Test arm minus reference arm at the primary visit, by ANCOVA with baseline, clinic and strata."""
    at = strata.joined(source, _analysed(rows, scale))
    has_baseline = not rows.filter(
        pl.col("is_baseline"), measure=scale.measure, scale=scale.scale
    ).is_empty()
    return adjusted_difference(
        at,
        baseline="baseline_value" if has_baseline else None,
        arms=_arms(source),
        strata=source.contract.study.analysis.strata,
        min_per_cell=source.contract.study.analysis.smallest_clinic_cell,
    )


def _arms(source: Source) -> tuple[str, str]:
    arms = source.contract.study.arms
    return arms["reference"], arms["test"]


def _analysed(rows: pl.DataFrame, scale: Scale) -> pl.DataFrame:
    return rows.filter(pl.col("is_primary"), measure=scale.measure, scale=scale.scale).sort(
        "participant_id"
    )


def sentence(source: Source, rows: pl.DataFrame, scale: Scale) -> str:
    """The answer of the closed report in one sentence."""
    found = difference(source, rows, scale)
    reference, test = _arms(source)
    if found.estimate is None:
        return f"No difference between the arms can be estimated yet: {found.note}."
    better = "higher" if found.estimate > 0 else "lower"
    favours = test if (found.estimate > 0) == (scale.better == "higher") else reference
    crosses = found.ci_low < 0 < found.ci_high
    mcid = rows.filter(measure=scale.measure, scale=scale.scale)["mcid"].drop_nulls().unique()
    against = ""
    if mcid.len() == 1:
        size = mcid[0]
        low, high = (
            sorted((found.ci_low, found.ci_high))
            if scale.better == "higher"
            else (-found.ci_high, -found.ci_low)
        )
        against = (
            f" The interval lies below the individual MCID of {number(size, scale.digits)} {scale.unit_text}."
            if high < size
            else f" The interval reaches the individual MCID of {number(size, scale.digits)} {scale.unit_text}."
            if low < size
            else f" The interval lies above the individual MCID of {number(size, scale.digits)} {scale.unit_text}."
        )
    return (
        f"At the primary visit {scale.title} is {number(abs(found.estimate), scale.digits)} {scale.unit_text} {better} in {test} "
        f"than in {reference}, adjusted for baseline, {strata.adjusted_for(source)} (95 % interval "
        f"{interval(found.ci_low, found.ci_high, scale.digits)}, p {_p(found.p)}), "
        + ("compatible with no difference." if crosses else f"in favour of {favours}.")
        + against
    )


def _p(p: float | None) -> str:
    text = p_value(p)
    return text if text[0] in "<>" else f"= {text}"


def tile(source: Source, rows: pl.DataFrame, scale: Scale) -> blocks.KeyNumber:
    found = difference(source, rows, scale)
    reference, test = _arms(source)
    if found.estimate is None:
        return blocks.KeyNumber("\N{EN DASH}", f"{test} minus {reference}", found.note or "")
    return blocks.KeyNumber(
        signed(found.estimate, scale.digits),
        f"{test} minus {reference}, {scale.unit_text}",
        f"95 % interval {interval(found.ci_low, found.ci_high, scale.digits)}",
        estimated(f"{test} minus {reference}, {scale.title}", scale.unit_text, basis_of("mart_outcome", scale),
                  found.estimate, found.ci_low, found.ci_high),
    )  # fmt: skip


def section(source: Source, rows: pl.DataFrame, scales: list[Scale]) -> blocks.Section:
    """Table of adjusted differences for every scale, and the forest of the first."""
    reference, test = _arms(source)
    primary, listed, notes = scales[0], [], []
    for scale in scales:
        found = difference(source, rows, scale)
        mcid = _analysed(rows, scale)["mcid"].drop_nulls().unique()
        listed.append({
            "of_measure": scale.measure, "of_scale": scale.scale, "unit": scale.unit_text,
            "scale": f"{scale.title}, {scale.unit_text} ({scale.better} is better)", "n_reference": found.n_by_arm.get(reference, 0),
            "n_test": found.n_by_arm.get(test, 0), "estimate": found.estimate, "low": found.ci_low, "high": found.ci_high,
            "p": found.p, "df": found.df, "mcid": mcid[0] if mcid.len() == 1 else None,
        })  # fmt: skip
        if found.note:
            notes.append(f"{scale.title}: {found.note}.")
        if found.clinics_pooled:
            notes.append(
                f"{scale.title}: {', '.join(found.clinics_pooled)} share one clinic term, being small."
            )
    floats = dict.fromkeys(("estimate", "low", "high", "p", "df", "mcid"), pl.Float64)
    shown = table(
        pl.DataFrame(listed, schema_overrides=floats),
        [Column("scale", "Measure"),
         Column("n_reference", f"n {reference}", "number", n="n_reference", where=f"arm = '{reference}'"),
         Column("n_test", f"n {test}", "number", n="n_test", where=f"arm = '{test}'"),
         Column("estimate", f"{test} \N{MINUS SIGN} {reference} (95 % interval)", "estimate", 2, low="low", high="high", unit_from="unit"),
         Column("df", "df", "number"), Column("p", "p", "p"), Column("mcid", "MCID", "number", 2, unit_from="unit")],
        title="Adjusted mean difference at the primary visit", by_arm=True,
        note=f"Least squares on arm, baseline, {strata.adjusted_for(source)} (ANCOVA), observed cases as randomised. "
        "An impression of change has no baseline to adjust for. All but the first measure are secondary: their p-values are nominal. " + " ".join(notes),
        basis=Basis("mart_outcome", "is_primary", {"of_measure": "measure", "of_scale": "scale"}),
    )  # fmt: skip
    figure = _forest(source, rows, primary)
    return blocks.Section("Between the arms", (shown, figure))


def overall(source: Source, rows: pl.DataFrame, scale: Scale) -> Overall | None:
    """The difference of the model over everybody, as a forest shows it; None before there is one."""
    found = difference(source, rows, scale)
    if found.estimate is None:
        return None
    return Overall(found.estimate, found.ci_low, found.ci_high, sum(found.n_by_arm.values()))


def _forest(source: Source, rows: pl.DataFrame, scale: Scale) -> blocks.Figure:
    reference, test = _arms(source)
    at = _analysed(rows, scale)
    names = dict(source.rows("SELECT clinic_id, clinic_name FROM ref_clinic").iter_rows())
    parts = by_clinic(at, arms=(reference, test), min_per_cell=2)
    clinics = pl.DataFrame(
        [{"label": names.get(clinic, clinic), "estimate": d.estimate, "low": d.ci_low, "high": d.ci_high,
          "n": sum(d.n_by_arm.values())} for clinic, d in parts.items()],
        schema={"label": pl.String, "estimate": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64},
    )  # fmt: skip
    up, down = (
        (f"{test} better", f"{reference} better")
        if scale.better == "higher"
        else (f"{reference} better", f"{test} better")
    )
    sign = 1 if scale.better == "higher" else -1
    lines = []
    for name, label in (("mcid", "MCID"), ("mdc95", "MDC")):
        values = at[name].drop_nulls().unique()
        if values.len() == 1:
            lines.append((sign * values[0], label))
    return forest(
        clinics,
        overall(source, rows, scale),
        measure=f"{scale.title}, {test} minus {reference}",
        unit=scale.unit_text,
        favours=(down, up),
        references=lines,
        digits=scale.digits,
        title="Difference by clinic",
        note="Per-clinic estimates are exploratory. MCID and MDC are thresholds for one person's change.",
    )
