"""The figure of central monitoring marks signals apart and says how many there are."""

from __future__ import annotations

import polars as pl

from pipelines.reports.layout.figures.monitoring import clinic_distances


def test_signals_are_counted_and_unjudged_clinics_left_out() -> None:
    found = pl.DataFrame(
        {"clinic_id": ["a", "b", "c"], "z": [0.4, -9.0, None], "is_signal": [False, True, None]}
    )

    figure = clinic_distances(found, title="Last digits")

    assert figure.caption.startswith("1 signals in 2 comparisons.")
    assert "a</text>" in figure.wide_svg and "c</text>" not in figure.wide_svg
    assert figure.wide_svg.count("#d55e00") == 1


def test_nothing_to_judge_is_said() -> None:
    found = pl.DataFrame({"clinic_id": ["a"], "z": [None], "is_signal": [None]},
                         schema={"clinic_id": pl.String, "z": pl.Float64, "is_signal": pl.Boolean})  # fmt: skip

    assert "fewer than five" in clinic_distances(found, title="Last digits").caption
