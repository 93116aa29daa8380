"""Conversions against hand-worked and published values."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.errors import ContractError
from pipelines.units import convert, feet_inches_to_cm, known


def converted(value: float | None, from_unit: str, to_unit: str) -> float | None:
    frame = pl.DataFrame({"x": [value]}, schema={"x": pl.Float64})
    return frame.select(convert(pl.col("x"), from_unit, to_unit)).item()


@pytest.mark.parametrize(
    ("value", "from_unit", "to_unit", "expected", "tolerance"),
    [
        (2.5, "mph", "mps", 1.1176, 1e-12),
        (4.0, "kmph", "mps", 1.1111111111, 1e-9),
        (66.7, "m_per_min", "mps", 1.1116666667, 1e-9),
        (120.0, "cm_per_s", "mps", 1.2, 1e-12),
        (176.0, "lb", "kg", 79.83, 0.005),
        (1312.0, "ft", "m", 399.9, 0.05),
        (1.0, "st", "kg", 6.35029318, 1e-12),
        (1.0, "lbf", "N", 4.4482216152605, 1e-12),
        (1.0, "kgf", "N", 9.80665, 1e-12),
        (77.45, "lbfft", "Nm", 105.0081, 1e-4),
        (1.0, "lbfft_per_lb", "Nm_per_kg", 2.98906692, 1e-12),
        (250.0, "Ncm", "Nm", 2.5, 1e-12),
        (1.0, "kgfm", "Nm", 9.80665, 1e-12),
        (1.0, "yd", "in", 36.0, 1e-12),
        (1.0, "mi", "km", 1.609344, 1e-12),
        (0.05, "fraction", "pct", 5.0, 1e-12),
        (1.5, "h", "min", 90.0, 1e-12),
        (250.0, "ms", "s", 0.25, 1e-12),
        (800.0, "g", "kg", 0.8, 1e-12),
    ],
)
def test_converts(value, from_unit, to_unit, expected, tolerance):
    assert converted(value, from_unit, to_unit) == pytest.approx(expected, abs=tolerance, rel=0)


def test_centimetres_do_not_pick_up_binary_dust():
    assert converted(57.0, "cm", "m") == 0.57


def test_missing_stays_missing():
    assert converted(None, "lb", "kg") is None


@pytest.mark.parametrize("unit", ["bpm", "points", "n", "1", "mmHg", "mph"])
def test_a_unit_converts_to_itself_unchanged(unit):
    assert known(unit, unit)
    assert converted(7.25, unit, unit) == 7.25


@pytest.mark.parametrize(
    ("from_unit", "to_unit"),
    [("bpm", "spm"), ("kg", "m"), ("furlong", "m"), ("points", "mm")],
)
def test_refuses_what_it_does_not_know(from_unit, to_unit):
    assert not known(from_unit, to_unit)
    with pytest.raises(ContractError, match="no conversion"):
        convert(pl.col("x"), from_unit, to_unit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5'9\"", 175.26),
        ("5 ft 9 in", 175.26),
        ("5' 9", 175.26),
        ("5\u20329\u2033", 175.26),
        ("5\u20199\u201d", 175.26),
        ("5'9''", 175.26),
        ("5 FT. 9 Inches", 175.26),
        ("5'9.5\"", 176.53),
        ("5'9,5\"", 176.53),
        ("6 feet", 182.88),
        ("5'12\"", None),
        ("69", None),
        ("175 cm", None),
        ("about 5'9\"", None),
        ("", None),
        (None, None),
    ],
)
def test_reads_feet_and_inches(text, expected):
    frame = pl.DataFrame({"x": [text]}, schema={"x": pl.String})

    value = frame.select(feet_inches_to_cm(pl.col("x"))).item()

    assert value == (None if expected is None else pytest.approx(expected, abs=1e-9))
