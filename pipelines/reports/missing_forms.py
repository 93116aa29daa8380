"""The part of an outcome report that says which forms were due and did not come."""

from __future__ import annotations

import polars as pl

from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures import missingness
from pipelines.reports.source import Source


def due(source: Source, forms: tuple[str, ...]) -> pl.DataFrame:
    """Forms due and received, per form, visit and clinic."""
    marks = ", ".join("?" * len(forms))
    return source.rows(
        f"SELECT * FROM mart_completeness WHERE form IN ({marks}) ORDER BY form, visit_order, clinic_id",
        list(forms),
    )


def section(forms: pl.DataFrame, names: tuple[str, ...]) -> blocks.Section:
    """One map of missing forms per form."""
    shown = []
    for name in names:
        cells = forms.filter(form=name).sort("visit_order", "clinic_id")
        shown.append(
            missingness(
                cells,
                title=f"Missing {name.replace('_', ' ')} forms",
                note="Denominator: forms due by the cut-off of participants still in the study.",
            )
        )
    return blocks.Section("What is missing", tuple(shown))
