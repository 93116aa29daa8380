import datetime as dt

import numpy as np
import pytest

from pipelines.devices.csv_lines import LineStyle, read_lines


def lines(text: str, *, order="MDY", has_stamp=False, n_values=1, delimiter=",", decimal="."):
    style = LineStyle(delimiter, decimal, has_stamp, order, n_values)
    return read_lines(np.frombuffer(text.encode(), np.uint8), style)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-0.25", -0.25), ("+3.5", 3.5), (" 7.125 ", 7.125), (".5", 0.5), ("4.", 4)],
)
def test_numbers_as_they_are_written(text, value):
    found = lines(text + "\n")

    assert (found.values.tolist(), found.is_good.tolist()) == ([[value]], [True])


@pytest.mark.parametrize(
    "text", ["", "-", ".", "1e3", "1.2.3", "1,2", "nan", "0x1", "1 2", "--1", "1" * 20]
)
def test_what_is_no_number_is_not_good(text):
    assert not lines(f"{text}\n").is_good.any()


def test_blank_lines_count_and_an_unfinished_one_stays():
    found = lines("1,2\n\n \r\n3,4\r\n5,", n_values=2)

    assert found.values.tolist() == [[1, 2], [3, 4]]
    assert (found.line_no.tolist(), found.starts.tolist()) == ([0, 3], [0, 8])
    assert (found.n_lines, found.used) == (4, 13)


def test_a_comma_may_be_the_decimal_mark_where_it_does_not_divide():
    found = lines("-1,5;2\n1.5;2\n", n_values=2, delimiter=";", decimal=",")

    assert found.values[0].tolist() == [-1.5, 2]
    assert found.is_good.tolist() == [True, False]


@pytest.mark.parametrize(
    ("stamp", "order", "expected"),
    [
        ("3/14/2026 9:05:07.250", "MDY", dt.datetime(2026, 3, 14, 9, 5, 7, 250_000)),
        ("14/03/2026 09:05:07,5", "DMY", dt.datetime(2026, 3, 14, 9, 5, 7, 500_000)),
        ("2026-03-14T09:05:07Z", "MDY", dt.datetime(2026, 3, 14, 9, 5, 7)),
        ("2024-02-29 23:59:59.9999999", "DMY", dt.datetime(2024, 2, 29, 23, 59, 59, 999_999)),
        ("12/31/2026 12:00:00 AM", "MDY", dt.datetime(2026, 12, 31)),
        ("12/31/2026 12:00:00 pm", "MDY", dt.datetime(2026, 12, 31, 12)),
        ("1/1/1990 00:00:00", "MDY", dt.datetime(1990, 1, 1)),
    ],
)
def test_time_stamps(stamp, order, expected):
    found = lines(f"{stamp};1\n", order=order, has_stamp=True, delimiter=";")

    assert found.is_good.all()
    assert dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(found.us[0])) == expected


@pytest.mark.parametrize(
    "stamp",
    ["", "9:05:07", "2/29/2026 1:00:00", "13/1/2026 1:00:00", "4/31/2026 1:00:00", "1/0/2026 1:00:00",
     "1/1/2026 24:00:00", "1/1/2026 1:60:00", "1/1/2026 13:00:00 PM", "1/1/2026 0:00:00 AM",
     "1/1/2100 1:00:00", "1/1/26 1:00:00", "1/1/2026 1:00:00.5.5", "1/1/9999999999999 1:00:00"],
)  # fmt: skip
def test_what_is_no_time_is_not_good(stamp):
    assert not lines(f"{stamp},1\n", has_stamp=True).is_good.any()


def test_every_day_from_1990_on_is_counted_as_the_calendar_does():
    days = [dt.date(1990, 1, 1) + dt.timedelta(days=7 * k) for k in range(5700)]
    text = "".join(f"{day} 00:00:00,1\n" for day in days)

    found = lines(text, has_stamp=True)

    expected = [(day - dt.date(1970, 1, 1)).days * 86_400_000_000 for day in days]
    assert days[-1].year == 2099 and found.us.tolist() == expected
