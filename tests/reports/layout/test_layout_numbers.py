"""Numbers as written; expected texts worked by hand."""

import math

import pytest

from pipelines.reports.layout import numbers

GAP = "\u202f"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1.25, 1, "1.2"),  # 1.25 is exact in binary, so round half to even
        (-0.5, 1, "\u22120.5"),
        (-0.04, 1, "0.0"),
        (0, 2, "0.00"),
        (9999, 0, "9999"),
        (12345.6, 0, f"12{GAP}346"),
        (-1234567, 0, f"\u22121{GAP}234{GAP}567"),
        (None, 2, "\u2013"),
        (math.nan, 2, "\u2013"),
        (math.inf, 2, "\u221e"),
        (-math.inf, 2, "\u2212\u221e"),
    ],
)
def test_number(value, digits, text):
    assert numbers.number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "+0.10"), (-0.1, "\u22120.10"), (0.001, "0.00"), (None, "\u2013")]
)
def test_signed_shows_plus_only_above_zero(value, text):
    assert numbers.signed(value, 2) == text


def test_interval_uses_to_and_needs_both_bounds():
    assert numbers.interval(-0.02, 0.11, 2) == "\u22120.02 to 0.11"
    assert numbers.interval(None, 0.11, 2) == "\u2013"


def test_estimate_keeps_the_value_where_bounds_are_missing():
    assert numbers.estimate(0.06, 0.01, 0.11, 2) == "0.06 (0.01 to 0.11)"
    assert numbers.estimate(0.06, None, None, 2) == "0.06"
    assert numbers.estimate(None, 0.01, 0.11, 2) == "\u2013"


def test_fraction_keeps_its_denominator():
    assert numbers.fraction(9, 12) == f"9/12 (75{GAP}%)"
    assert numbers.fraction(0, 0) == "0/0"
    assert numbers.fraction(None, 12) == "\u2013"


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "<0.001"),
        (0.001, "0.001"),
        (0.0342, "0.034"),
        (0.25, "0.25"),
        (0.995, ">0.99"),
        (None, "\u2013"),
    ],
)
def test_p_value(p, text):
    assert numbers.p_value(p) == text


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_p_value_refuses_what_is_none(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        numbers.p_value(p)
