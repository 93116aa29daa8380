"""Cells as clinics write them -> numbers, dates, times and codes; what cannot be read is NULL, never a guess."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from pipelines.contracts.model import Clinic, ColumnMap, Contract, FieldDef
from pipelines.standardise import values


def clinic_with(contract: Contract, decimal: str, thousands: str = "") -> Clinic:
    return contract.clinics["alder"].model_copy(update={"decimal": decimal, "thousands": thousands})


def cleaned(cell: str | None, *missing: str) -> str | None:
    return values.clean(pl.DataFrame({"c": [cell]}, schema={"c": pl.String}), {"c": missing})["c"][
        0
    ]


def one(expression: pl.Expr, cell: str | None):
    """What becomes of one cell on its way through cleaning and an expression over `c`."""
    rows = values.clean(pl.DataFrame({"c": [cell]}, schema={"c": pl.String}), {"c": ("",)})
    return rows.select(expression.alias("c"))["c"][0]


def read(
    contract: Contract,
    field: FieldDef,
    meaning: ColumnMap,
    cell: str | None,
    clinic: Clinic,
    words=None,
):
    return one(values.value(field, meaning, clinic, words or {}, pl.col("c")), cell)


# --- cleaning


@pytest.mark.parametrize(
    ("cell", "clean"),
    [(" 5 ", "5"), ("\u00a05\u202f", "5"), ("\u22125", "-5"), ("\u20135", "-5"), ("\uff11\uff12", "12"), ("\t5\r", "5"),
     ("1\u00a0250", "1 250"), ("rückwärts", "rückwärts"), ("", None), ("   ", None), ("\u00a0", None), (None, None),
     ("N/A", None), (" N/A ", None), ("n/a", "n/a"), ("-99", None), ("\u221299", None), ("-990", "-990"), ("0", "0")],
)  # fmt: skip
def test_blanks_and_missing_words_go_and_lookalikes_become_ascii(
    cell: str | None, clean: str | None
) -> None:
    assert cleaned(cell, "N/A", "-99") == clean


def test_each_column_has_its_own_missing_words() -> None:
    rows = pl.DataFrame({"row_no": [2], "a": ["99"], "b": ["99"]})

    found = values.clean(rows, {"a": ("99",), "b": ()})

    assert found.to_dicts() == [{"a": None, "b": "99"}]


def test_cleaning_nothing_gives_no_columns() -> None:
    assert values.clean(pl.DataFrame({"a": ["1"]}), {}).width == 0


# --- numbers

POINT, POINT_COMMA, COMMA, COMMA_POINT, COMMA_BLANK = (
    (".", ""),
    (".", ","),
    (",", ""),
    (",", "."),
    (",", " "),
)
NUMBERS = [
    (POINT, "12.5", 12.5), (POINT, "12,5", None), (POINT, "1.250", 1.25), (POINT, "1,250", None),
    (POINT, "-0.5", -0.5), (POINT, "+5", 5.0), (POINT, ".5", 0.5), (POINT, "\u22120.5", -0.5), (POINT, "007", 7.0),
    (POINT, "1e3", 1000.0), (POINT, "1.5E+03", 1500.0), (POINT, "1e999", None), (POINT, "1 000", None),
    (POINT_COMMA, "1,250", 1250.0), (POINT_COMMA, "1,250.5", 1250.5), (POINT_COMMA, "1.250", 1.25),
    (POINT_COMMA, "1,25", None), (POINT_COMMA, "1,2500", None), (POINT_COMMA, "0,250", None),
    (POINT_COMMA, "1,234,567", 1234567.0), (POINT_COMMA, "1,23,4567", None),
    (COMMA, "12,5", 12.5), (COMMA, "12.5", None), (COMMA, "1.250", None), (COMMA, "1,250", 1.25),
    (COMMA, "1,2,3", None), (COMMA, "1,5E+03", 1500.0), (COMMA, "-0,5", -0.5),
    (COMMA_POINT, "1.250", 1250.0), (COMMA_POINT, "1.250,5", 1250.5), (COMMA_POINT, "1,250", 1.25),
    (COMMA_POINT, "12.5", None), (COMMA_POINT, "12.50", None), (COMMA_POINT, "1.2500", None),
    (COMMA_POINT, "0.250", None), (COMMA_POINT, "-0.850", None), (COMMA_POINT, "00.250", None),
    (COMMA_POINT, "-1.250", -1250.0), (COMMA_POINT, "1.250.000", 1250000.0), (COMMA_POINT, "1.25.000", None),
    (COMMA_BLANK, "1 250,5", 1250.5), (COMMA_BLANK, "1\u00a0250", 1250.0), (COMMA_BLANK, "1 25", None),
    (COMMA_BLANK, "\uff11\uff12,5", 12.5),
    *((marks, word, None) for marks in (POINT, COMMA_POINT)
      for word in ("nan", "NaN", "inf", "-inf", "Infinity", "1_000", "0x10", "5%", "--5", "5-", "- 5", "five", "٣",
                   "1/2", "1e", "e3", ",", ".", "-", "1d3", "<5", "~5", "5 kg")),
]  # fmt: skip


@pytest.mark.parametrize(("marks", "cell", "number"), NUMBERS)
def test_a_number_is_read_with_the_declared_marks_only(
    contract: Contract, marks: tuple[str, str], cell: str, number: float | None
) -> None:
    assert one(values.number(pl.col("c"), clinic_with(contract, *marks)), cell) == number


INTEGER = FieldDef(type="integer", description="x")
POINTS = FieldDef(type="decimal", description="x")


@pytest.mark.parametrize(
    ("cell", "whole"),
    [("7", 7), ("7.0", 7), ("7.5", None), ("-3", -3), ("1e2", 100), ("2147483647", 2147483647), ("2147483648", None),
     ("-2147483649", None), ("seven", None), ("9007199254740993", None), ("", None)],
)  # fmt: skip
def test_an_integer_is_whole_and_fits(contract: Contract, cell: str, whole: int | None) -> None:
    clinic = clinic_with(contract, ".")

    assert read(contract, INTEGER, ColumnMap(field="kl_grade"), cell, clinic) == whole


@pytest.mark.parametrize(
    ("field", "unit", "cell", "value"),
    [  # worked by hand; domain notes, section 6
        ("height_cm", "ft_in", "5'9\"", 175.26), ("height_cm", "ft_in", "5 ft 9 in", 175.26),
        ("height_cm", "ft_in", "5\u2032 9\u2033", 175.26), ("height_cm", "ft_in", "5'12\"", None),
        ("height_cm", "ft_in", "175", None), ("height_cm", "in", "69", 175.26), ("height_cm", "m", "1.7526", 175.26),
        ("weight_kg", "lb", "176", 79.83225712), ("treadmill_speed_mps", "mph", "2.5", 1.1176),
        ("treadmill_speed_mps", "kmph", "4", 1.1111111111), ("treadmill_speed_mps", "m_per_min", "66.7", 1.1116666667),
        ("grade_pct", "fraction", "0.05", 5.0), ("actual_dist_m", "ft", "1312", 399.8976),
    ],
)  # fmt: skip
def test_a_declared_unit_is_converted(
    contract: Contract, field: str, unit: str, cell: str, value: float | None
) -> None:
    found = read(
        contract,
        contract.fields[field],
        ColumnMap(field=field, unit=unit),
        cell,
        clinic_with(contract, "."),
    )

    assert found == (value if value is None else pytest.approx(value, rel=1e-9))


def test_a_sign_that_only_tells_the_belts_direction_is_dropped(contract: Contract) -> None:
    meaning = ColumnMap(field="speed_mean_mps", unit="mph", magnitude=True)

    found = read(
        contract, contract.fields["speed_mean_mps"], meaning, "-2.5", clinic_with(contract, ".")
    )

    assert found == pytest.approx(1.1176)


@pytest.mark.parametrize(
    ("decimal", "cell", "seconds"),
    [(".", "0:12.3", 12.3), (".", "1:05", 65.0), (".", "12.3", 12.3), (",", "0:12,3", 12.3), (",", "0:12.3", None),
     (".", "0:12,3", None), (".", "1:65", None), (".", "0:5", None), (".", "1:02:03", None), (".", ":30", None),
     (".", "-0:12", None)],
)  # fmt: skip
def test_a_stopwatch_text_is_minutes_and_seconds(
    contract: Contract, decimal: str, cell: str, seconds: float | None
) -> None:
    field = contract.fields["time_s"]

    found = read(contract, field, ColumnMap(field="time_s"), cell, clinic_with(contract, decimal))

    assert found == (seconds if seconds is None else pytest.approx(seconds))


def test_a_stopwatch_text_among_minutes_is_not_taken_for_minutes(contract: Contract) -> None:
    meaning = ColumnMap(field="duration_s", unit="min")
    field, clinic = contract.fields["duration_s"], clinic_with(contract, ".")

    assert read(contract, field, meaning, "1.5", clinic) == 90.0
    assert read(contract, field, meaning, "1:30", clinic) == 90.0


def test_only_seconds_may_be_written_as_on_a_stopwatch(contract: Contract) -> None:
    field = contract.fields["actual_min"]

    assert (
        read(contract, field, ColumnMap(field="actual_min"), "12:30", clinic_with(contract, "."))
        is None
    )


# --- words


@pytest.mark.parametrize(
    ("cell", "truth"),
    [
        ("Ja", True),
        ("Nein", False),
        (" Ja ", True),
        ("ja", None),
        ("1", None),
        ("Yes", None),
        ("", None),
    ],
)
def test_a_truth_is_one_of_the_declared_words(
    contract: Contract, cell: str, truth: bool | None
) -> None:
    field, words = contract.fields["attended"], {"boolean": {"Ja": True, "Nein": False}}

    assert (
        read(contract, field, ColumnMap(field="attended"), cell, clinic_with(contract, "."), words)
        is truth
    )


def test_a_code_is_one_of_the_declared_words_of_its_own_list(contract: Contract) -> None:
    field, clinic = contract.fields["sex_code"], clinic_with(contract, ".")
    words = {"sex": {"w": "female", "m": "male"}, "side": {"links": "left"}}
    plain, own = ColumnMap(field="sex_code"), ColumnMap(field="sex_code", words={"1": "female"})

    assert read(contract, field, plain, "w", clinic, words) == "female"
    assert read(contract, field, plain, "links", clinic, words) is None
    assert read(contract, field, own, "1", clinic, words) == "female"
    assert (
        read(contract, field, own, "w", clinic, words) is None
    )  # the column's own words replace the clinic's


@pytest.mark.parametrize("cell", ["KL\u00a01\u20132", "KL 1-2", "KL 1\u22122"])
def test_a_declared_word_with_odd_characters_is_found_as_cleaned(
    contract: Contract, cell: str
) -> None:
    meaning = ColumnMap(field="condition_code", words={"KL\u00a01\u20132": "knee_oa_kl12"})

    assert (
        read(contract, contract.fields["condition_code"], meaning, cell, clinic_with(contract, "."))
        == "knee_oa_kl12"
    )


# --- dates and times


@pytest.mark.parametrize(
    ("order", "cell", "date"),
    [
        ("MM/DD/YYYY", "03/04/2025", dt.date(2025, 3, 4)), ("DD/MM/YYYY", "03/04/2025", dt.date(2025, 4, 3)),
        ("MM/DD/YYYY", "13/04/2025", None), ("DD/MM/YYYY", "13/04/2025", dt.date(2025, 4, 13)),
        ("MM/DD/YYYY", "3/4/2025", dt.date(2025, 3, 4)), ("DD.MM.YYYY", "3.4.2025", dt.date(2025, 4, 3)),
        ("MM/DD/YYYY", "03/04/25", None), ("DD.MM.YYYY", "03.04.25", None), ("YYYY-MM-DD", "25-04-03", None),
        ("MM/DD/YYYY", "02/30/2025", None), ("MM/DD/YYYY", "02/29/2025", None),
        ("MM/DD/YYYY", "02/29/2024", dt.date(2024, 2, 29)), ("DD.MM.YYYY", "31.11.2025", None),
        ("YYYY-MM-DD", "2025-13-01", None), ("YYYY-MM-DD", "2025-11-03", dt.date(2025, 11, 3)),
        ("MM/DD/YYYY", "2025-03-04", None), ("MM/DD/YYYY", "03-04-2025", None), ("MM/DD/YYYY", "45726", None),
        ("MM/DD/YYYY", "03/04/2025 10:00", None), ("DD.MM.YYYY", "04-Mar", None), ("DD.MM.YYYY", "00.00.0000", None),
        ("MM/DD/YYYY", "12/31/1899", None), ("MM/DD/YYYY", "01/01/2101", None), ("MM/DD/YYYY", "", None),
        ("DD.MM.YYYY", "\uff10\uff13.04.2025", dt.date(2025, 4, 3)),
    ],
)  # fmt: skip
def test_a_date_is_read_in_the_declared_order_with_its_whole_year(
    order: str, cell: str, date: dt.date | None
) -> None:
    assert one(values.date(pl.col("c"), order), cell) == date


@pytest.mark.parametrize(
    ("times", "cell", "time"),
    [
        ("h:mm AM/PM", "2:30 PM", dt.time(14, 30)), ("h:mm AM/PM", "12:00 AM", dt.time(0, 0)),
        ("h:mm AM/PM", "12:05 PM", dt.time(12, 5)), ("h:mm AM/PM", "02:30 pm", dt.time(14, 30)),
        ("h:mm AM/PM", "13:30 PM", None), ("h:mm AM/PM", "14:30", None), ("h:mm AM/PM", "0:30 AM", None),
        ("HH:MM", "14:30", dt.time(14, 30)), ("HH:MM", "9:05", dt.time(9, 5)), ("HH:MM", "14:30:15", dt.time(14, 30, 15)),
        ("HH:MM", "24:00", None), ("HH:MM", "14:60", None), ("HH:MM", "2:30 PM", None), ("HH:MM", "7:5", None),
        ("HH:MM", "1430", None), ("HH.MM", "14.30", dt.time(14, 30)), ("HH.MM", "12.3", None), ("HH.MM", "14:30", None),
        ("HH:MM:SS", "14:30:15", dt.time(14, 30, 15)), ("HH:MM:SS", "14:30", None),
    ],
)  # fmt: skip
def test_a_clock_time_is_read_as_declared(times: str, cell: str, time: dt.time | None) -> None:
    assert one(values.time_of_day(pl.col("c"), times), cell) == time


@pytest.mark.parametrize(
    ("order", "times", "cell", "moment"),
    [
        ("MM/DD/YYYY", "h:mm AM/PM", "03/04/2025 2:30 PM", dt.datetime(2025, 3, 4, 14, 30)),
        ("MM/DD/YYYY", "h:mm AM/PM", "03/04/2025", None), ("MM/DD/YYYY", "h:mm AM/PM", "2025-03-04T14:30:00", None),
        ("DD.MM.YYYY", "HH:MM", "03.04.2025 14:30", dt.datetime(2025, 4, 3, 14, 30)),
        ("DD.MM.YYYY", "HH:MM", "03.04.25 14:30", None), ("DD.MM.YYYY", "HH.MM", "03.04.2025 12.3", None),
        ("YYYY-MM-DD", "HH:MM", "2025-03-04 14:30", dt.datetime(2025, 3, 4, 14, 30)),
        ("YYYY-MM-DD", "HH:MM", "2025-03-04T14:30:15", dt.datetime(2025, 3, 4, 14, 30, 15)),
        ("YYYY-MM-DD", "HH:MM", "2025-03-04 14:30:15", dt.datetime(2025, 3, 4, 14, 30, 15)),
        ("YYYY-MM-DD", "HH:MM", "2025-03-04T14:30:15Z", None),  # says another zone than the clinic's wall
        ("YYYY-MM-DD", "HH:MM", "2025-03-04T14:30:15+01:00", None), ("YYYY-MM-DD", "HH:MM", "2025-02-30 14:30", None),
    ],
)  # fmt: skip
def test_a_date_with_its_time_is_read_as_declared(
    order: str, times: str, cell: str, moment: dt.datetime | None
) -> None:
    assert one(values.moment(pl.col("c"), order, times), cell) == moment


@pytest.mark.parametrize(
    ("order", "other"),
    [("MM/DD/YYYY", "DD/MM/YYYY"), ("DD.MM.YYYY", "MM.DD.YYYY"), ("YYYY-MM-DD", None)],
)
def test_the_order_a_careless_export_would_use(order: str, other: str | None) -> None:
    assert values.swapped(order) == other
