import pytest

from pipelines.devices.export_cells import label, number, positive, ratio, sport, table, whole
from pipelines.errors import DeliveryRefused


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Charge HR", "Charge HR"),
        ("  two \n lines ", "two lines"),
        ("a\u202eb\x1b[31m\0", "ab[31m"),  # direction and control marks are gone
        ("\ud800", None),  # half a character
        ("x" * 500, "x" * 60),
        ("", None),
        (7, None),
        (None, None),
        (["a"], None),
    ],
)
def test_labels_are_short_and_printable(value, expected):
    assert label(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", 12.0), ("1.5", 1.5), (" 3 ", 3.0), (4, 4.0), (0, 0.0), (2.5, 2.5),
        ("", None), (".", None), ("1.2.3", None), ("-1", None), (-1, None), ("1e5", None),
        ("٣", None), ("9" * 30, None), (10**400, None), (float("nan"), None), (float("inf"), None),
        (True, None), (None, None), ([1], None), ("1,5", None), ("0x10", None), ("1_000", None),
    ],
)  # fmt: skip
def test_numbers_are_plain_finite_and_not_negative(value, expected):
    assert number(value) == expected


def test_a_number_above_the_largest_is_none():
    assert number("86400001", largest=86_400_000) is None
    assert number("86400000", largest=86_400_000) == 86_400_000


def test_zero_is_what_was_not_measured():
    assert (positive("0"), positive(0.0), positive("7")) == (None, None, 7.0)


def test_whole_numbers_and_ratios():
    assert (whole(3.0), whole(3.5), whole(None)) == (3, None, None)
    assert (ratio(6.0, 3.0), ratio(6.0, 0.0), ratio(None, 3.0), ratio(6.0, None)) == (
        2.0, None, None, None,
    )  # fmt: skip


def test_sports_have_the_names_of_the_watches():
    assert (sport("Walk"), sport("WALKING"), sport("Outdoor Run"), sport("Yoga")) == (
        "walking", "walking", "running", "yoga",
    )  # fmt: skip


def test_a_table_keeps_the_lines_on_which_records_begin():
    header, rows = table('a, B\n1,"x\ny"\n\n3,4\n', "f", 9)

    assert header == ["a", "b"]
    assert rows == [(2, ["1", "x\ny"]), (5, ["3", "4"])]


def test_an_empty_text_is_an_empty_table():
    assert table("", "f", 9) == ([], [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a\n"secret', "unreadable"),
        ("a\n" + "x" * 200_000 + "\n", "unreadable"),
        ("a\n" + "1\n" * 20, "too_large"),
    ],
)
def test_tables_that_are_refused(text, reason):
    with pytest.raises(DeliveryRefused) as refused:
        table(text, "f", 9)

    assert refused.value.reason == reason
    assert "secret" not in str(refused.value)
