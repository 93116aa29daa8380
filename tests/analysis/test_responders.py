"""Responders by arm, with missing values on either side."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.analysis.responders import compare

ARMS = ("FW", "BW")


def people(fw: int, bw: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "participant_id": [f"f{k}" for k in range(fw)] + [f"b{k}" for k in range(bw)],
            "arm": ["FW"] * fw + ["BW"] * bw,
        },
        schema={"participant_id": pl.String, "arm": pl.String},
    )


def responses(**given: list[bool | None]) -> pl.DataFrame:
    rows = [
        {"participant_id": f"{prefix}{k}", "is_responder": value}
        for prefix, values in given.items()
        for k, value in enumerate(values)
    ]
    return pl.DataFrame(rows, schema={"participant_id": pl.String, "is_responder": pl.Boolean})


def test_a_missing_value_is_no_response_first_and_nobody_then():
    """FW: 1 of 2 seen, 4 due. BW: 3 of 3 seen, 4 due; one of each arm never came at all."""
    all_due, seen = compare(
        people(4, 4), responses(f=[True, False, None], b=[True, True, True]), ARMS
    )
    assert all_due.counts == {"FW": (1, 4), "BW": (3, 4)}
    assert seen.counts == {"FW": (1, 2), "BW": (3, 3)}
    assert all_due.difference.estimate == pytest.approx(0.5)
    assert all_due.ratio.estimate == pytest.approx(3.0)
    assert seen.difference.estimate == pytest.approx(0.5)


def test_counting_the_missing_as_improved_would_be_another_answer():
    """A naive version that drops the missing calls 2 of 2 a share of 1; with 2 of 4 due it is a half."""
    all_due, seen = compare(people(4, 4), responses(f=[True, True], b=[True, True]), ARMS)
    assert all_due.share["FW"].estimate == 0.5
    assert seen.share["FW"].estimate == 1.0


def test_somebody_with_two_responses_is_an_error():
    twice = pl.concat([responses(f=[True]), responses(f=[False])])
    with pytest.raises(ValueError, match="more than one"):
        compare(people(1, 1), twice, ARMS)


def test_nobody_due_leaves_nothing():
    all_due, _ = compare(people(0, 0), responses(), ARMS)
    assert all_due.difference.estimate is None
    assert all_due.share["BW"].low is None
