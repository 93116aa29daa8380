"""The allow-list of rule SQL, tried by someone who wants to get past it."""

from __future__ import annotations

import pytest

from pipelines.contracts.predicates import columns_of, parse, prefixed
from pipelines.errors import ContractError

COLUMNS = {"a", "b", "start_utc"}

REFUSED = [
    "", "   ", ";", "a = 1;", "a = 1; DROP TABLE core_session", "SELECT a", "SELECT a FROM t",
    "(SELECT max(a) FROM t) = 1", "a IN (SELECT a FROM t)", "EXISTS (SELECT 1)", "a = ANY (SELECT 1)",
    "a = 1 UNION SELECT 1", "a = 1) UNION (SELECT 1", "a = 1) FROM (SELECT 2", "a = 1 ORDER BY a",
    "a = 1 QUALIFY b = 1", "a, b", "a = 1, b = 2", "a AS b", "*", "COLUMNS(*) = 1",
    "read_text('/etc/passwd') = 'x'", "getenv('HOME') = 'x'", "getvariable('x') = a", "abs(read_csv('x')) = 1",
    "a = current_date", "a = now()", "a = CURRENT_USER", "a = random()", "count(a) > 1", "sum(a) OVER () > 1",
    "a LIKE 'x%'", "a ILIKE 'x%'", "a SIMILAR TO 'x'", "a ~ 'x'", "a GLOB 'x'", "regexp_matches(a, 'x')",
    "a || 'b' = 'cb'", "a::INTEGER = 1", "CAST(a AS INTEGER) = 1", "TRY_CAST(a AS INTEGER) = 1", "a = DATE '2025-01-01'",
    "a % 2 = 0", "a // 2 = 0", "a ** 2 = 4", "a & 1 = 1", "a[1] = 1", "[a] = [1]", "{'x': a} = {'x': 1}",
    "a = $1", "a = ?", "a COLLATE nocase = 'x'", "list_filter([a], lambda x: x)[1] = 1",
    "a = 1 -- and nothing more", "a = 1) -- ", "a) -- ", "a /* hidden */ = 1", "a = 1 /*", "/* x */ a = 1",
    "a = 1 AND", "= 1", "a = = 1", "((a = 1)", "a = 'x", "c = 1", "A = 1", "t.a = 1", "other.b = 1",
    "x.other.b = 1", "local_date(start_utc) = a", "local_date(a, 'UTC') = a", "local_date() = a",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_on_the_list_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse(text, COLUMNS, where="some.yaml:7")

    assert caught.value.where == "some.yaml:7"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["other.c = 1", "foo.other.b = 1", "foo.b = 1", "other.other.b = 1", "b.other = 1", "local_date(a, 'UTC') = b",
     "local_date(a + 1) = b", "LOCAL_DATE() = b", "local_dates(a) = b"],
)  # fmt: skip
def test_the_matched_tables_prefix_opens_no_other_door(text: str) -> None:
    with pytest.raises(ContractError):
        parse(text, {"a", "b"}, other={"b"})


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("a = 1", "a = 1"),
        ("NOT a = 1 OR b IS NOT NULL", "NOT a = 1 OR NOT b IS NULL"),
        ("a BETWEEN 1 AND 2", "a BETWEEN 1 AND 2"),
        ("a IN ('x', 'y''z')", "a IN ('x', 'y''z')"),
        ("a IS NOT DISTINCT FROM 'x'", "a IS NOT DISTINCT FROM 'x'"),
        ("abs(a - b) <= 0.5 * b", "ABS(a - b) <= 0.5 * b"),
        ("coalesce(a, 0) > -1", "COALESCE(a, 0) > -1"),
        ("a - b <= INTERVAL '120 minutes'", "a - b <= INTERVAL '120' MINUTES"),
    ],
)
def test_what_is_on_the_list_is_printed_again(text: str, sql: str) -> None:
    assert parse(text, COLUMNS) == sql


def test_a_quoted_name_cannot_break_out_of_its_quotes() -> None:
    with pytest.raises(ContractError):
        parse('"a"" = 1 OR ""b" = 1', COLUMNS)


def test_columns_are_told_apart_by_whose_they_are() -> None:
    text = "a >= other.b AND (other.c IS NULL OR b = 1)"

    assert columns_of(text) == {"a", "b"}
    assert columns_of(text, other=True) == {"b", "c"}


def test_prefixes_qualify_every_column_for_a_join() -> None:
    assert prefixed("a >= other.b AND b = 1", "x", "o") == "x.a >= o.b AND x.b = 1"


def test_the_local_date_of_an_instant_comes_with_its_own_row() -> None:
    text = "local_date(start_utc) >= other.b AND local_date(other.end_utc) < b"

    assert prefixed(text, "x", "o") == "x.start_on >= o.b AND o.end_on < x.b"
