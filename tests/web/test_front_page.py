"""The study's front page in a real browser: tables that sort and filter, by mouse and by keyboard; links that lead somewhere."""

from __future__ import annotations

import functools
import http.server
import threading
from urllib.parse import urljoin

import pytest

from pipelines.reports.layout import blocks
from pipelines.reports.layout.page import render_page
from pipelines.reports.layout.tables import Column, table

pl = pytest.importorskip("polars")

QUERIES = "figure:has-text('Open queries by clinic')"
SHOWN = "tbody tr:not([hidden])"


@pytest.fixture(scope="module")
def front(rendered_home):
    return rendered_home / "reports" / "index.html"


@pytest.fixture(scope="module")
def site(rendered_home):
    """The address of the reports behind a web server on loopback."""
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=rendered_home / "reports"
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def column(figure, place: int) -> list[str]:
    return [
        text.strip()
        for text in figure.locator(f"tbody tr > *:nth-child({place})").all_inner_texts()
    ]


def test_a_column_sorts_up_and_down_as_numbers(front, visit):
    figure = visit(front.as_uri()).page.locator("figure:has-text('How each clinic stands')")
    before = [int(text) for text in column(figure, 3)]
    button = figure.get_by_role("button", name="Participants")
    button.click()
    assert [int(text) for text in column(figure, 3)] == sorted(before)
    assert figure.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    button.click()
    assert [int(text) for text in column(figure, 3)] == sorted(before, reverse=True)
    assert figure.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"


def test_words_filter_rows_and_the_count_is_said(front, visit):
    figure = visit(front.as_uri()).page.locator(QUERIES)
    every = figure.locator("tbody tr").count()
    figure.get_by_role("searchbox").fill("birke  PAIN")
    shown = figure.locator(SHOWN).all_inner_texts()
    assert 0 < len(shown) < every
    assert all("birke" in row.lower() and "pain" in row.lower() for row in shown)
    assert figure.locator("output").inner_text() == f"{len(shown)} of {every} rows"
    figure.get_by_role("searchbox").fill("")
    assert figure.locator(SHOWN).count() == every


def test_all_of_it_works_from_the_keyboard(front, visit):
    seen = visit(front.as_uri())
    figure = seen.page.locator("figure:has-text('How each clinic stands')")
    figure.get_by_role("searchbox").focus()
    seen.page.keyboard.type("cedro")
    assert figure.locator(SHOWN).count() == 1
    for _ in range(9):  # the frame that scrolls, then the heads
        seen.page.keyboard.press("Tab")
        if seen.page.evaluate("document.activeElement.textContent.trim()") == "Files":
            break
    seen.page.keyboard.press("Enter")
    assert figure.locator("th[aria-sort]").inner_text().startswith("Files")


def test_without_script_the_tables_are_whole(front, visit):
    seen = visit(front.as_uri(), java_script_enabled=False)
    figure = seen.page.locator(QUERIES)
    assert figure.locator("tbody tr").count() > 20
    assert figure.get_by_role("searchbox").count() == 0


def test_every_link_leads_to_a_page(front, site, visit):
    seen = visit(site)
    links = seen.page.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    pages = [link for link in links if not link.startswith("#")]
    assert len(pages) >= 9
    for link in pages:
        answer = seen.page.request.get(urljoin(site, link))
        assert answer.ok, link
    assert not seen.complaints


def test_what_a_clinic_wrote_is_text(tmp_path, visit):
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script></script>"
    rows = table(
        pl.DataFrame({"said": [hostile, "b"]}), [Column("said", "Said")], title=hostile, interactive=True
    )  # fmt: skip
    page = blocks.Page(
        title=hostile, subtitle=hostile, audience="open", cutoff_text="2025", code_version="1",
        sections=(blocks.Section(hostile, (blocks.Paragraph(hostile), rows)),),
    )  # fmt: skip
    file = tmp_path / "page.html"
    file.write_text(render_page(page), encoding="utf-8")
    seen = visit(file.as_uri())
    assert seen.page.locator("tbody th").first.inner_text() == hostile
    assert seen.page.locator("img").count() == 0
    assert seen.complaints == []


def test_a_foreign_script_in_the_page_is_not_run(tmp_path, front, visit):
    """The policy allows the page's own script by its digest and nothing else."""
    text = front.read_text(encoding="utf-8")
    file = tmp_path / "page.html"
    file.write_text(text.replace("</main>", "<script>document.title = 'run'</script></main>"))
    seen = visit(file.as_uri())
    assert seen.page.title() != "run"
    assert any("Content Security Policy" in said for said in seen.complaints)
    assert seen.page.get_by_role("searchbox").count() > 0
