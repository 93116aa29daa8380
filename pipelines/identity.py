"""Participant ids `SS-NNN-C`: clinic prefix, number, check digit."""

from __future__ import annotations

import re

import polars as pl

from pipelines.errors import ContractError

MALFORMED = "malformed_participant_id"
WRONG_CHECK_DIGIT = "wrong_check_digit"
OTHER_CLINIC = "other_clinic_participant"
TEST_PARTICIPANT = "test_participant"
FIRST_TEST_NUMBER = 990  # 990-999 are training participants, never analysed

# Totally anti-symmetric quasigroup of order 10: finds every wrong digit and every swap of
# neighbours, which ISO 7064 MOD 11,10 does not quite. Source: H. M. Damm, thesis, Marburg 2004.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_NEXT_STATE = {
    10 * state + digit: _DAMM[state][digit] for state in range(10) for digit in range(10)
}
_SHAPE = "^[0-9]{2}-[0-9]{3}-[0-9]$"  # [0-9], since \d would let full-width digits through


def check_digit(digits: str) -> str:
    """The digit that, written after `digits`, makes them valid."""
    if not re.fullmatch("[0-9]+", digits):
        raise ValueError("a check digit needs decimal digits only")
    state = 0
    for digit in digits:
        state = _DAMM[state][int(digit)]
    return str(state)


def make_id(prefix: str, number: int) -> str:
    """The participant id of a clinic's prefix and a number from 0 to 999."""
    _require_prefix(prefix)
    if not 0 <= number <= 999:
        raise ValueError(f"a participant number runs from 0 to 999, not {number}")
    return f"{prefix}-{number:03d}-{check_digit(f'{prefix}{number:03d}')}"


def id_fault(ids: pl.Expr, prefix: str) -> pl.Expr:
    """Why an id cannot be a participant of the clinic with `prefix`, or null; null for a null id.

    The first that applies: malformed, wrong check digit, another clinic's prefix, training number.
    """
    _require_prefix(prefix)
    digits = pl.when(ids.str.contains(_SHAPE)).then(ids.str.replace_all("-", "", literal=True))
    return (
        pl.when(ids.is_null())
        .then(None)
        .when(digits.is_null())
        .then(pl.lit(MALFORMED))
        .when(_state_after(digits, 6) != 0)
        .then(pl.lit(WRONG_CHECK_DIGIT))
        .when(digits.str.slice(0, 2) != prefix)
        .then(pl.lit(OTHER_CLINIC))
        .when(digits.str.slice(2, 3).cast(pl.Int64) >= FIRST_TEST_NUMBER)
        .then(pl.lit(TEST_PARTICIPANT))
    )


def _state_after(digits: pl.Expr, length: int) -> pl.Expr:
    """Damm state after reading the digits; 0 for a valid number that ends in its check digit."""
    state = pl.lit(0, pl.Int64)
    for place in range(length):
        digit = digits.str.slice(place, 1).cast(pl.Int64)
        state = (state * 10 + digit).replace_strict(
            _NEXT_STATE, default=None, return_dtype=pl.Int64
        )
    return state


def _require_prefix(prefix: str) -> None:
    if not re.fullmatch("[0-9]{2}", prefix):
        raise ContractError(
            f"a clinic's participant prefix is two digits, not {prefix!r}",
            where="a clinic file under schemas/clinics/",
            remedy="quote the prefix in YAML so that its leading zero is kept",
        )
