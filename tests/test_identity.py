"""The check digit's promises, proved by trying every slip on many ids."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.errors import ContractError
from pipelines.identity import check_digit, id_fault, make_id


def faults(ids: list[str | None], prefix: str = "01") -> list[str | None]:
    frame = pl.DataFrame({"id": ids}, schema={"id": pl.String})
    return frame.select(id_fault(pl.col("id"), prefix)).to_series().to_list()


def slips(participant_id: str) -> list[str]:
    """Every id one wrong digit, or one swap of neighbouring digits, away."""
    digits = participant_id.replace("-", "")
    found = [
        digits[:place] + wrong + digits[place + 1 :]
        for place in range(6)
        for wrong in "0123456789"
        if wrong != digits[place]
    ]
    found += [
        digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
        for place in range(5)
        if digits[place] != digits[place + 1]
    ]
    return [f"{d[:2]}-{d[2:5]}-{d[5]}" for d in found]


def test_published_check_digit():
    # Worked example of the Damm algorithm: 572 has check digit 4.
    assert check_digit("572") == "4"


def test_every_single_slip_is_caught():
    originals = [
        make_id(prefix, number) for prefix in ("01", "12", "90") for number in range(0, 1000, 7)
    ]
    slipped = [slip for original in originals for slip in slips(original)]

    found = faults(slipped)

    assert len(slipped) > 20_000
    assert set(found) == {"wrong_check_digit"}


def test_every_number_of_a_clinic_is_good_and_999_is_training():
    assert faults([make_id("01", number) for number in range(990)]) == [None] * 990
    assert (
        faults([make_id("01", number) for number in range(990, 1000)]) == ["test_participant"] * 10
    )


@pytest.mark.parametrize(
    "bad",
    [
        "1-23-7",
        "01023-7",
        "01-O23-7",
        " 01-023-7",
        "01-023-7\n",
        "01-0233-7",
        "",
        "=01-023-7",
        "０1-023-7",
    ],
)
def test_malformed(bad):
    assert faults([bad]) == ["malformed_participant_id"]


def test_another_clinics_participant():
    assert faults([make_id("02", 23)]) == ["other_clinic_participant"]


def test_a_missing_id_is_not_a_malformed_one():
    assert faults([None]) == [None]


@pytest.mark.parametrize("prefix", ["1", "001", "ab", ""])
def test_prefix_must_be_two_digits(prefix):
    with pytest.raises(ContractError, match="two digits"):
        id_fault(pl.col("id"), prefix)


@pytest.mark.parametrize("number", [-1, 1000])
def test_number_out_of_range(number):
    with pytest.raises(ValueError, match="0 to 999"):
        make_id("01", number)
