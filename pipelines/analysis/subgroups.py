"""Does the arm difference differ between subgroups? One model with an interaction, and its test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Subgroups:
    """`effects`: group, n_reference, n_test, estimate, low, high (null where too small to show).

    `interaction_p` is the F test that the difference is the same in all groups shown; without it
    (None, and a note why) no group has an estimate either.
    """

    effects: pl.DataFrame
    interaction_f: float | None = None
    interaction_df: tuple[int, int] | None = None
    interaction_p: float | None = None
    note: str | None = None


def subgroup_effects(
    frame: pl.DataFrame,
    groups: tuple[str, ...],
    *,
    outcome: str = "value",
    baseline: str = "baseline_value",
    arms: tuple[str, str] = ("FW", "BW"),
    min_per_cell: int = 10,
) -> Subgroups:
    """Outcome on arm by group, baseline and clinic, by least squares with t intervals.

    A group with fewer than `min_per_cell` in an arm is left out, and the test is of the others.
    Assumes: one row per participant with arm, clinic_id, group, outcome and baseline.
    Source: Wang et al. 2007, N Engl J Med 357:2189 (interaction tests, not tests within subgroups).
    """
    rows = (
        frame.filter(pl.col("arm").is_in(list(arms)), pl.col("group").is_in(list(groups)))
        .select("arm", "clinic_id", "group", y=pl.col(outcome).cast(pl.Float64), x=pl.col(baseline).cast(pl.Float64))
        .drop_nulls()
        .sort("clinic_id", "group", "arm", "x", "y")
    )  # fmt: skip
    cells = pl.DataFrame([
        {"group": name, "n_reference": rows.filter(group=name, arm=arms[0]).height,
         "n_test": rows.filter(group=name, arm=arms[1]).height}
        for name in groups
    ])  # fmt: skip
    enough = pl.min_horizontal("n_reference", "n_test") >= min_per_cell
    kept = cells.filter(enough)["group"].to_list()
    nothing = cells.with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ("estimate", "low", "high")
    )
    if len(kept) < 2:
        return Subgroups(nothing, note=f"fewer than two groups have {min_per_cell} in each arm")
    fit, places = _fit(rows.filter(pl.col("group").is_in(kept)), kept, arms)
    if fit is None:
        return Subgroups(nothing, note="arm, group and clinic cannot be told apart")
    estimates, low, high = fit.params, *fit.conf_int(alpha=0.05).T
    shown = pl.DataFrame({
        "group": kept, "estimate": [float(estimates[p]) for p in places],
        "low": [float(low[p]) for p in places], "high": [float(high[p]) for p in places],
    })  # fmt: skip
    contrast = np.zeros((len(kept) - 1, len(estimates)))
    contrast[:, places[0]] = -1
    contrast[np.arange(len(kept) - 1), places[1:]] = 1
    test = fit.f_test(contrast)
    left_out = [name for name in groups if name not in kept]
    return Subgroups(
        cells.join(shown, on="group", how="left", maintain_order="left"),
        float(np.squeeze(test.fvalue)), (len(kept) - 1, int(fit.df_resid)), float(np.squeeze(test.pvalue)),
        f"too small to show: {', '.join(left_out)}" if left_out else None,
    )  # fmt: skip


def _fit(rows: pl.DataFrame, kept: list[str], arms: tuple[str, str]):
    """The least-squares fit with one arm effect per group, and the places of those effects."""
    import statsmodels.api as sm  # takes seconds and brings pandas: not while a DAG is parsed

    y, x = rows["y"].to_numpy(), rows["x"].to_numpy()
    spread = np.std(x)
    treated = (rows["arm"] == arms[1]).cast(pl.Float64).to_numpy()
    in_group = [(rows["group"] == name).cast(pl.Float64).to_numpy() for name in kept]
    clinics = sorted(rows["clinic_id"].unique())
    dummies = [(rows["clinic_id"] == c).cast(pl.Float64).to_numpy() for c in clinics[1:]]
    effects = [one * treated for one in in_group]
    scaled = [(x - x.mean()) / spread] if spread > 0 else []
    design = np.column_stack([*effects, *in_group, *scaled, *dummies])
    if np.linalg.matrix_rank(design) < design.shape[1] or len(y) <= design.shape[1]:
        return None, []
    return sm.OLS(y, design).fit(), list(range(len(kept)))
