"""One table of exact unit conversions, and the reading of feet and inches."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from pipelines.errors import ContractError

_FOOT_M = Fraction("0.3048")  # international foot, 1959; NIST SP 811 app. B.8
_INCH_M = _FOOT_M / 12
_MILE_M = 5280 * _FOOT_M
_POUND_KG = Fraction("0.45359237")  # international avoirdupois pound, 1959; NIST SP 811 app. B.8
_GRAVITY_MPS2 = Fraction("9.80665")  # standard gravity, 3rd CGPM 1901; makes kgf and lbf exact

# Each unit of a dimension -> how many of the dimension's base unit it is, exactly.
_DIMENSIONS: dict[str, dict[str, Fraction]] = {
    "length": {
        "m": Fraction(1),
        "cm": Fraction(1, 100),
        "mm": Fraction(1, 1000),
        "km": Fraction(1000),
        "in": _INCH_M,
        "ft": _FOOT_M,
        "yd": 3 * _FOOT_M,
        "mi": _MILE_M,
    },
    "speed": {
        "mps": Fraction(1),
        "kmph": Fraction(1000, 3600),
        "mph": _MILE_M / 3600,
        "m_per_min": Fraction(1, 60),
        "cm_per_s": Fraction(1, 100),
    },
    "mass": {
        "kg": Fraction(1),
        "g": Fraction(1, 1000),
        "lb": _POUND_KG,
        "st": 14 * _POUND_KG,
    },
    "time": {
        "s": Fraction(1),
        "min": Fraction(60),
        "h": Fraction(3600),
        "ms": Fraction(1, 1000),
    },
    "force": {
        "N": Fraction(1),
        "kgf": _GRAVITY_MPS2,
        "lbf": _POUND_KG * _GRAVITY_MPS2,  # 4.4482216152605 N
    },
    "torque": {
        "Nm": Fraction(1),
        "Ncm": Fraction(1, 100),
        "kgfm": _GRAVITY_MPS2,
        "lbfft": _POUND_KG * _GRAVITY_MPS2 * _FOOT_M,  # 1.3558179483314004 Nm
    },
    "torque per mass": {
        "Nm_per_kg": Fraction(1),
        "lbfft_per_lb": _GRAVITY_MPS2 * _FOOT_M,  # 2.98906692 Nm/kg
    },
    "acceleration": {"mps2": Fraction(1), "gn": _GRAVITY_MPS2, "mgn": _GRAVITY_MPS2 / 1000},
    "share": {"fraction": Fraction(1), "pct": Fraction(1, 100)},
}
# Units that convert to nothing but themselves: beats are not steps, and points are not millimetres.
_DIMENSIONS |= {
    unit: {unit: Fraction(1)}
    for unit in (
        "bpm",
        "spm",
        "rpm",
        "mmHg",
        "points",
        "n",
        "1",
        "deg",
        "hz",
        "years",
        "m^0.5/s",
        "m^1.5/s",
    )
}
_DIMENSION_OF = {unit: name for name, units in _DIMENSIONS.items() for unit in units}

_PRIME = r"(?:'|\u2032|\u2019|\u2018|\u00b4|`)"
_DOUBLE_PRIME = rf"(?:\"|\u2033|\u201d|\u201c|{_PRIME}{_PRIME})"
_FEET_INCHES = (
    rf"(?i)^\s*(\d{{1,2}})\s*(?:{_PRIME}|ft\.?|foot|feet)\s*"
    rf"(?:(\d{{1,2}}(?:[.,]\d+)?)\s*(?:{_DOUBLE_PRIME}|in\.?|inch|inches)?)?\s*$"
)


def known(from_unit: str, to_unit: str) -> bool:
    """True when both units are listed and measure the same thing."""
    dimension = _DIMENSION_OF.get(from_unit)
    return dimension is not None and dimension == _DIMENSION_OF.get(to_unit)


def convert(values: pl.Expr, from_unit: str, to_unit: str) -> pl.Expr:
    """The values in `to_unit`, as Float64; null stays null."""
    if not known(from_unit, to_unit):
        raise ContractError(
            f"no conversion from unit {from_unit!r} to {to_unit!r}",
            where="a unit declared in schemas/",
            remedy="use one of: " + ", ".join(sorted(_DIMENSION_OF)),
        )
    units = _DIMENSIONS[_DIMENSION_OF[from_unit]]
    factor = units[from_unit] / units[to_unit]
    # Two whole numbers, not one rounded factor: 57 cm is then 0.57 m, not 0.5700000000000001.
    scaled = values.cast(pl.Float64) * float(factor.numerator)
    return scaled / float(factor.denominator)


def feet_inches_to_cm(text: pl.Expr) -> pl.Expr:
    """Centimetres of texts such as 5'9", 5 ft 9 in or 5' 9; null where it cannot be read."""
    feet = text.str.extract(_FEET_INCHES, 1).cast(pl.Float64)
    inches = text.str.extract(_FEET_INCHES, 2).str.replace(",", ".", literal=True).cast(pl.Float64)
    inches = inches.fill_null(0.0)
    # Twelve inches or more beside feet is a slip of the pen, so nobody knows what was meant.
    return pl.when(feet.is_not_null() & (inches < 12)).then(convert(feet * 12 + inches, "in", "cm"))
