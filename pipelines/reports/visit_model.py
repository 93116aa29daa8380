"""The closed part of an outcome report that uses every visit: the mixed model for repeated measures."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.design import strata_of
from pipelines.analysis.mmrm import fit_mmrm
from pipelines.analysis.mmrm_contrasts import arm_differences
from pipelines.analysis.mmrm_design import ModelRefused
from pipelines.reports import strata
from pipelines.reports.layout import blocks
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale, basis_of
from pipelines.reports.source import Source

_TERMS = ["arm*visit_code", "baseline_value*visit_code", "clinic_id"]


def section(source: Source, rows: pl.DataFrame, scale: Scale) -> blocks.Section:
    """Arm differences at every visit after baseline, or why there are none yet."""
    study = source.contract.study
    arms = (study.arms["reference"], study.arms["test"])
    used = _used(strata.joined(source, rows), scale, arms, study.analysis.smallest_clinic_cell)
    layers = {
        f"of_{name}": one
        for name, one in zip(study.analysis.strata, strata_of(study.analysis.strata), strict=True)
    }
    title = f"{scale.title}: difference at each visit, mixed model for repeated measures"
    if used.is_empty():
        return _without("too few participants of both arms have a value after baseline")
    order = [visit for visit in study.visits if visit in set(used["visit_code"])]
    try:
        fit = fit_mmrm(
            used.with_columns(**layers), response="value", terms=[*_TERMS, *layers], subject="participant_id", visit="visit_code",
            levels={"visit_code": order, "arm": list(arms)},
        )  # fmt: skip
        found = arm_differences(fit, arm="arm", arms=arms, df="kenward-roger")
    except ModelRefused as refused:
        return _without(str(refused).splitlines()[0])
    n = used.group_by("visit_code").agg(
        n_reference=(pl.col("arm") == arms[0]).sum(), n_test=(pl.col("arm") == arms[1]).sum()
    )
    shown = found.join(n, on="visit_code", maintain_order="left")
    listed = table(
        shown,
        [Column("visit_code", "Visit"), *(Column(f"n_{role}", f"n {arm}", "number", n=f"n_{role}", of="count(*)",
                                                  where=f"visit_code = '{{visit_code}}' AND arm = '{arm}'")
                                           for role, arm in zip(("reference", "test"), arms, strict=True)),
         Column("estimate", f"{arms[1]} \N{MINUS SIGN} {arms[0]}, {scale.unit_text} (95 % interval)", "estimate", 2, low="ci_low", high="ci_high",
                unit=scale.unit_text),
         Column("se", "SE", "number", 2, unit=scale.unit_text), Column("df", "df", "number", 1), Column("p", "p", "p")],
        title=title, by_arm=True,
        note=f"Arm, visit, baseline, their products, {strata.adjusted_for(source)}; {fit.note}; Kenward-Roger degrees of freedom. "
        "Values are taken as missing at random given what was seen. Visits other than the primary one are secondary.",
        basis=basis_of("mart_outcome", scale, "NOT is_baseline AND value IS NOT NULL AND baseline_value IS NOT NULL"),
    )  # fmt: skip
    return blocks.Section("Over all visits", (listed,))


def _without(reason: str) -> blocks.Section:
    return blocks.Section(
        "Over all visits", (blocks.Paragraph(f"The mixed model cannot be fitted yet: {reason}."),)
    )


def _used(rows: pl.DataFrame, scale: Scale, arms: tuple[str, str], least: int) -> pl.DataFrame:
    """Values after baseline at visits where each arm has `least` of them, and who they are of."""
    mine = rows.filter(
        ~pl.col("is_baseline"), pl.col("arm").is_in(arms), measure=scale.measure, scale=scale.scale
    ).drop_nulls(["value", "baseline_value", "clinic_id"])
    counts = mine.group_by("visit_code").agg(
        least=pl.min_horizontal(*((pl.col("arm") == arm).sum() for arm in arms))
    )
    enough = counts.filter(pl.col("least") >= least).select("visit_code")
    return mine.join(enough, on="visit_code", how="semi").sort("participant_id", "visit_order")
