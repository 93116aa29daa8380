"""An open table of participants and those who left gives away no small count."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from pipelines.reports.small_cells import in_rows, note, of_total, without_small


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


def ranges(counts: np.ndarray, shown: np.ndarray) -> list[float]:
    """How far each hidden count can vary, by a solver that knows what is printed and the sum of each column."""
    places = np.argwhere(~shown)
    sums = [places[:, 1] == k for k in range(counts.shape[1])]
    equal = np.array(sums, float)
    known = equal @ counts[~shown]
    reach = []
    for at in range(len(places)):
        aim = np.eye(len(places))[at]
        low, high = (linprog(sign * aim, A_eq=equal, b_eq=known).fun for sign in (1, -1))
        reach.append(-high - low)
    return reach


@settings(max_examples=40, deadline=None, derandomize=True)
@given(hnp.arrays(int, st.tuples(st.integers(2, 5), st.just(4)), elements=st.integers(0, 40)))
def test_no_hidden_state_of_a_visit_can_be_worked_out(counts):
    """The flow of the open page: everybody randomised stands in one state at each visit."""
    names = ["seen", "missed", "left", "not_due"]
    table = in_rows(pl.DataFrame(counts, schema=names, orient="row"), names, 5)
    shown = table.select(pl.all().is_not_null()).to_numpy()

    assert not (shown & (counts > 0) & (counts < 5)).any()
    for row, seen in zip(counts, shown, strict=True):
        if seen.any() and not seen.all():
            assert min(ranges(row[:, None], seen[:, None])) >= 5 - 1e-6


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 3)), min_size=1, max_size=5))
def test_no_hidden_kind_of_event_can_be_worked_out_from_their_total(drawn):
    """Each person has one to three events of a kind."""
    events = np.array([people * each for people, each in drawn])
    people = np.array([people for people, _ in drawn])
    frame = pl.DataFrame({"n": events, "people_n": people})
    table = of_total(frame, "n", "people_n", 5)
    shown = table["n"].is_not_null().to_numpy()

    assert (table["people_n"].is_not_null().to_numpy() == shown).all()
    assert not (shown & (people > 0) & (people < 5)).any()
    if shown.any() and not shown.all():
        assert min(ranges(events[:, None], shown[:, None])) >= 5 - 1e-6


def test_a_visit_shows_what_tells_nobody():
    """Of 96, two left and four missing: with the others printed, not due would follow; 88 seen tell nobody."""
    names = ["seen", "missed", "left", "not_due"]
    rows = pl.DataFrame([(96, 0, 0, 0), (88, 4, 2, 2), (80, 9, 2, 5)], schema=names, orient="row")
    assert in_rows(rows, names, 5).rows() == [
        (96, 0, 0, 0), (88, None, None, None), (80, 9, None, None),
    ]  # fmt: skip


def test_the_smallest_other_kind_is_hidden_with_the_small_one():
    """Severe, 2 events of 2 people: with mild (40) and moderate (11) printed, the total of 53 would tell it."""
    frame = pl.DataFrame(
        {
            "kind": ["mild", "moderate", "severe", "none"],
            "n": [40, 11, 2, 0],
            "people_n": [20, 9, 2, 0],
        }
    )

    assert of_total(frame, "n", "people_n", 5)["n"].to_list() == [40, None, None, 0]
    assert of_total(frame.head(2), "n", "people_n", 5).equals(frame.head(2))
