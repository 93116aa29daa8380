"""The closed part of an outcome report that asks whether the arm difference differs between subgroups."""

from __future__ import annotations

import polars as pl

from pipelines.analysis.subgroups import Subgroups, subgroup_effects
from pipelines.contracts.study_parts import SubgroupDef
from pipelines.reports import strata
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import Overall, forest
from pipelines.reports.layout.numbers import number, p_value
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import Scale, basis_of
from pipelines.reports.source import Source

_LEAST_PER_CELL = 10
_FLOATS = dict.fromkeys(("estimate", "low", "high"), pl.Float64)


def section(
    source: Source, rows: pl.DataFrame, scale: Scale, overall: Overall | None
) -> blocks.Section:
    """A forest of the subgroups that study.yaml names, each with its interaction test."""
    study = source.contract.study
    arms = (study.arms["reference"], study.arms["test"])
    people = source.rows("""
        SELECT participant_id, sex_code, condition_code, kl_grade, beta_blocker,
            year(randomised_date) - birth_year AS age_years FROM core_participant""")
    at = rows.filter(pl.col("is_primary"), measure=scale.measure, scale=scale.scale).join(
        people, on="participant_id"
    )
    before = source.rows("""
        SELECT participant_id, measure || '.' || scale AS of_scale, value AS baseline FROM mart_outcome
        WHERE is_baseline AND value IS NOT NULL ORDER BY ALL""")
    at = strata.joined(source, at)
    found = {
        one.name: subgroup_effects(
            _with_baseline(at, before, one.scale).with_columns(group=_group(one)),
            _names(one),
            arms=arms,
            strata=study.analysis.strata,
            min_per_cell=_LEAST_PER_CELL,
        )
        for one in study.subgroups
    }
    lines = pl.concat([
        pl.DataFrame(schema={"subgroup": pl.String, "group": pl.String, "n_reference": pl.Int64, "n_test": pl.Int64}
                     | _FLOATS | {"p": pl.Float64}),
        *(one.effects.select(pl.lit(name).alias("subgroup"), "group", "n_reference", "n_test", *_FLOATS,
                             pl.lit(one.interaction_p, pl.Float64).alias("p")) for name, one in found.items()),
    ], how="vertical_relaxed")  # fmt: skip
    up = arms[1] if scale.better == "higher" else arms[0]
    down = arms[0] if scale.better == "higher" else arms[1]
    drawn = forest(
        lines.select(
            pl.concat_str("subgroup", pl.lit(": "), "group").alias("label"), *_FLOATS,
            n=pl.col("n_reference") + pl.col("n_test"),
        ),
        overall, measure=f"{scale.title}, {arms[1]} minus {arms[0]}", unit=scale.unit_text,
        favours=(f"{down} better", f"{up} better"), digits=scale.digits, title="Difference by subgroup",
        rows_are="groups", note=_tests(found),
    )  # fmt: skip
    listed = table(
        lines,
        [Column("subgroup", "Subgroup"), Column("group", "Group"), Column("n_reference", f"n {arms[0]}", "number", n="n_reference"),
         Column("n_test", f"n {arms[1]}", "number", n="n_test"),
         Column("estimate", f"{arms[1]} \N{MINUS SIGN} {arms[0]} (95 % interval)", "estimate", 2, low="low", high="high", unit=scale.unit_text),
         Column("p", "p of the interaction", "p")],
        title="Differences in subgroups named beforehand", by_arm=True,
        note="One model per subgroup: arm by group, baseline, "
        f"{strata.adjusted_for(source)}. Exploratory, not corrected for their number; an interval "
        f"away from zero in one group says nothing unless the interaction does. Groups with fewer than {number(_LEAST_PER_CELL)} in an arm "
        "are not estimated. Age is year of randomisation minus year of birth; KL is the Kellgren-Lawrence grade of the knee; baseline values are as measured then.",
        basis=basis_of("mart_outcome", scale),
    )  # fmt: skip
    return blocks.Section("Subgroups", (drawn, listed))


def _names(one: SubgroupDef) -> tuple[str, ...]:
    return tuple(one.groups or one.starts)


def _with_baseline(at: pl.DataFrame, before: pl.DataFrame, scale: str | None) -> pl.DataFrame:
    """The rows with the baseline value that a subgroup is made of, where it is made of one."""
    if scale is None:
        return at
    of_scale = before.filter(of_scale=scale).drop("of_scale")
    return at.join(of_scale, on="participant_id", how="left", maintain_order="left")


def _group(one: SubgroupDef) -> pl.Expr:
    """The name of the group a participant belongs to, null where it is not known."""
    value = pl.col(one.of)
    found = pl.lit(None, pl.String)
    for name, codes in one.groups.items():
        found = pl.when(value.is_in(list(codes))).then(pl.lit(name)).otherwise(found)
    for name, start in sorted(one.starts.items(), key=lambda entry: entry[1]):
        found = pl.when(value >= start).then(pl.lit(name)).otherwise(found)
    return found


def _tests(found: dict[str, Subgroups]) -> str:
    told = [
        f"{name}: interaction p {_p(one.interaction_p)}" if one.note is None
        else f"{name}: {one.note}" + (f", interaction p {_p(one.interaction_p)}" if one.interaction_p is not None else "")
        for name, one in found.items()
    ]  # fmt: skip
    return "; ".join(told) + "."


def _p(p: float | None) -> str:
    text = p_value(p)
    return text if text[0] in "<>" else f"= {text}"
