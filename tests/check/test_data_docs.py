"""Data Docs: complete, the same every time, alone on any machine, and without a value."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from pipelines.check.data_docs import expected_words, percent, render_data_docs
from pipelines.check.suite import RuleResult, run_suite
from tests.check.cases import (
    between,
    connection_with,
    fault,
    given,
    looks_like,
    no_row,
    one_of,
    suite_of,
    unique,
)

RULES = [given("x"), between("x", 1, 40), no_row("a<b", "a < b & c"), looks_like("s", "^<b>$")]
RESULTS = [
    RuleResult("x_given", "passed", 1_234_567, 0),
    RuleResult("x_valid", "failed", 1000, 1),
    RuleResult("a<b", "not_checked", 1000, 0, "ConversionException"),
    RuleResult("s_form", "not_applicable", 0, 0),
]


class Page(HTMLParser):
    """Fails on tags left open; keeps links, tags and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def pages() -> dict[str, str]:
    suites = {"walk": suite_of(RULES), "fall": suite_of([given("x")])}
    return render_data_docs({"walk": RESULTS, "fall": RESULTS[:1]}, suites, "2026-01-31")


def test_an_index_and_a_page_for_each_table() -> None:
    made = pages()
    assert list(made) == ["fall.html", "index.html", "walk.html"]
    index = Page(made["index.html"])
    assert [attrs["href"] for tag, attrs in index.tags if tag == "a"] == ["fall.html", "walk.html"]
    assert "Rules: 1 not checked, 1 failed, 2 passed, 1 no rows." in index.text
    assert "2026-01-31" in index.text


def test_a_table_says_of_each_rule_what_when_how_many_and_what_to_do() -> None:
    walk = Page(pages()["walk.html"]).text
    for words in (
        "x is from 1 to 40", "no row where a < b & c", "s looks like ^<b>$", "Look again.",
        "1 234 567", "0.1 %", "not checked", "ConversionException",
    ):  # fmt: skip
        assert words in walk
    places = [walk.index(f"\n{result.rule}\n") for result in RESULTS]
    assert sorted(places) == [places[2], places[1], places[0], places[3]]  # the worst first


@pytest.mark.parametrize("name", ["index.html", "walk.html"])
def test_a_page_stands_alone(name: str) -> None:
    page = Page(pages()[name])
    assert not {"script", "link", "img", "iframe", "form"} & {tag for tag, _ in page.tags}
    assert not [a for _, attrs in page.tags for a in attrs.values() if a and "//" in a]
    assert "url(" not in pages()[name]
    assert "@import" not in pages()[name]
    assert {"prefers-color-scheme: dark", "@media print", "max-width: 45rem"} <= {
        words for words in ("prefers-color-scheme: dark", "@media print", "max-width: 45rem")
        if words in pages()[name]
    }  # fmt: skip


def test_the_bytes_are_the_same_whatever_the_order_of_the_tables() -> None:
    suites = {"walk": suite_of(RULES), "fall": suite_of([given("x")])}
    other = render_data_docs({"fall": RESULTS[:1], "walk": RESULTS}, suites, "2026-01-31")
    assert other == pages()


def test_no_value_reaches_a_page() -> None:
    con = connection_with([{"x": 4711, "s": "SECRET"}, {"x": 4712, "s": "SECRET"}])
    rules = [
        between("x", 1, 40), one_of("s", ["a"]), looks_like("s", "^a"), unique("s"),
        no_row("raises", "CAST(s AS INTEGER) = 1"), no_row("low_x", "x > 9"),
    ]  # fmt: skip
    results = run_suite(con, "staged", suite_of(rules))
    made = "".join(render_data_docs({"t": results}, {"t": suite_of(rules)}, "2026-01-31").values())
    assert {result.n_failed for result in results} == {2, 0}
    assert "SECRET" not in made
    assert "471" not in made


def test_a_rule_that_the_suite_lacks_is_still_shown() -> None:
    lost = RuleResult("lost", "not_checked", 0, 0, "not in the suite")
    page = render_data_docs({"t": [lost]}, {"t": suite_of([])}, "2026-01-31")["t.html"]
    assert "lost" in Page(page).text
    assert "not in the suite" in Page(page).text


@pytest.mark.parametrize(
    ("n_failed", "n_rows", "words"),
    [
        (0, 0, ""), (0, 5, "0.0 %"), (5, 5, "100.0 %"), (1, 3, "33.3 %"), (1, 1000, "0.1 %"),
        (1, 1001, "<0.1 %"), (9_999, 10_000, ">99.9 %"), (999, 1000, "99.9 %"),
    ],
)  # fmt: skip
def test_none_and_all_are_said_only_when_true(n_failed: int, n_rows: int, words: str) -> None:
    assert percent(n_failed, n_rows) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (given("x"), "x is given"),
        (one_of("x", ["a", 2]), "x is one of a, 2"),
        (unique("k", "m"), "no two rows share delivery_id, k, m"),
        (fault("lost"), "no such fault while the file was read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_plain_words(rule, words: str) -> None:
    assert expected_words(rule.expectation) == words


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [({"min_value": 2}, "x is at least 2"), ({"max_value": 3}, "x is at most 3")],
)
def test_one_sided_ranges(kwargs: dict, words: str) -> None:
    one = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", **kwargs}}
    assert expected_words(one) == words
