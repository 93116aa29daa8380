"""An open table of participants and those who left gives away no small count."""

from __future__ import annotations

import polars as pl

from pipelines.reports.small_cells import note, without_small


def test_a_small_count_is_hidden_with_one_that_would_give_it_away() -> None:
    """Two have left at a; b or c must be hidden too, or the sum of all tells a's. A zero stays."""
    frame = pl.DataFrame(
        {"clinic": ["a", "b", "c", "d"], "left": [2, 6, 12, 0], "n": [30, 30, 30, 30]}
    )

    shown = without_small(frame, "left", "n", 5)["left"].to_list()

    assert shown[0] is None and shown[3] == 0
    assert shown.count(None) == 2


def test_what_cannot_be_protected_is_hidden_whole() -> None:
    frame = pl.DataFrame({"left": [1, 1], "n": [2, 2]})

    assert without_small(frame, "left", "n", 5)["left"].to_list() == [None, None]


def test_the_note_says_what_is_hidden() -> None:
    assert "from 1 to 4 people" in note(5, "-")
