"""Does the arm difference differ between subgroups? One model with an interaction, and its test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl

from pipelines.analysis.design import adjusted, dummies, strata_of, treated


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
    strata: Sequence[str] = (),
    min_per_cell: int = 10,
) -> Subgroups:
    """Outcome on arm by group, baseline, clinic and strata, by least squares with t intervals.

    A group with fewer than `min_per_cell` in an arm is left out, and the test is of the others.
    Assumes: one row per participant with arm, clinic_id, group, outcome and baseline.
    Source: Wang et al. 2007, N Engl J Med 357:2189 (interaction tests, not tests within subgroups).
    """
    layers = [f"stratum_{k}" for k in range(len(strata))]
    rows = (
        frame.filter(pl.col("arm").is_in(list(arms)), pl.col("group").is_in(list(groups)))
        .select("arm", "clinic_id", "group", y=pl.col(outcome).cast(pl.Float64), x=pl.col(baseline).cast(pl.Float64),
                **dict(zip(layers, strata_of(strata), strict=True)))
        .drop_nulls()
        .sort("clinic_id", "group", "arm", "x", "y", *layers)
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
    fit = _fit(rows.filter(pl.col("group").is_in(kept)), kept, arms, layers)
    if fit is None:
        return Subgroups(nothing, note="arm, group and clinic cannot be told apart")
    estimates, low, high = fit.params, *fit.conf_int(alpha=0.05).T
    shown = pl.DataFrame({
        "group": kept, "estimate": estimates[: len(kept)], "low": low[: len(kept)], "high": high[: len(kept)],
    })  # fmt: skip
    contrast = np.eye(len(kept), len(estimates))[1:] - np.eye(1, len(estimates))
    test = fit.f_test(contrast)
    left_out = [name for name in groups if name not in kept]
    return Subgroups(
        cells.join(shown, on="group", how="left", maintain_order="left"),
        float(np.squeeze(test.fvalue)), (len(kept) - 1, int(fit.df_resid)), float(np.squeeze(test.pvalue)),
        f"too small to show: {', '.join(left_out)}" if left_out else None,
    )  # fmt: skip


def _fit(rows: pl.DataFrame, kept: list[str], arms: tuple[str, str], layers: list[str]):
    """The least-squares fit, the arm effect of each of `kept` first; None where it cannot be had."""
    import statsmodels.api as sm  # takes seconds and brings pandas: not while a DAG is parsed

    y, x = rows["y"].to_numpy(), rows["x"].to_numpy()
    spread = np.std(x)
    in_group = [(rows["group"] == name).cast(pl.Float64).to_numpy() for name in kept]
    scaled = [(x - x.mean()) / spread] if spread > 0 else []
    design = adjusted(
        [one * treated(rows, arms) for one in in_group],
        [*in_group, *scaled, *dummies(rows["clinic_id"])],
        chain(*(dummies(rows[layer]) for layer in layers)),
    )
    if design is None or len(y) <= design.shape[1]:
        return None
    return sm.OLS(y, design).fit()
