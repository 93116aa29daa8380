"""Pages on paper: what stands on every sheet, the same bytes again, and a machine that cannot print."""

import io
import logging

import pytest

from pipelines.errors import BuildStopped
from pipelines.reports.layout import blocks, pdf
from pipelines.reports.layout.page import render_page

pypdf = pytest.importorskip("pypdf")
can_print = pytest.mark.skipif(pdf.missing() is not None, reason=str(pdf.missing()))


def html(paragraphs: int = 1, **given) -> str:
    text = blocks.Paragraph("Nothing is said here, at some length, to fill the sheet. " * 12)
    page = {
        "title": "Balance: Berg Balance Scale", "subtitle": "A study", "audience": "open",
        "cutoff_text": "2025-11-11 03:15 UTC", "code_version": "0.1.0", "summary": (text,),
        "sections": tuple(blocks.Section(f"Part {n}", (text, text)) for n in range(paragraphs)),
    }  # fmt: skip
    return render_page(blocks.Page(**(page | given)))


def sheets(printed: bytes) -> list[str]:
    return [sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(printed)).pages]


@can_print
@pytest.mark.parametrize(
    ("audience", "said"), [("open", "Open session report"), ("closed", "Closed session report")]
)
def test_every_sheet_says_for_whom_until_when_and_where_it_belongs(audience, said):
    found = sheets(pdf.as_pdf(html(8, audience=audience)))
    assert len(found) > 2
    for number, sheet in enumerate(found, start=1):
        for text in (
            said,
            "2025-11-11 03:15 UTC",
            "0.1.0",
            f"{number} / {len(found)}",
            "Berg Balance Scale",
        ):
            assert text in sheet


@can_print
def test_the_same_page_is_the_same_bytes_with_no_clock_in_it():
    printed = pdf.as_pdf(html())
    assert printed == pdf.as_pdf(html())
    told = pypdf.PdfReader(io.BytesIO(printed)).metadata
    assert "/CreationDate" not in told and "/ModDate" not in told
    assert told["/Title"].startswith("Balance: Berg Balance Scale - Open session report")


@can_print
def test_a_screen_reader_finds_a_tagged_document_in_its_language():
    root = pypdf.PdfReader(io.BytesIO(pdf.as_pdf(html()))).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or root["/MarkInfo"]["/Marked"].value is True
    assert root["/Lang"] == "en"
    assert "/StructTreeRoot" in root


@can_print
def test_nothing_is_fetched_for_a_sheet(tmp_path):
    secret = tmp_path / "secret.css"
    secret.write_text("body::before { content: 'fetched from disk'; }")
    asks = f'<link rel="stylesheet" href="{secret.as_uri()}"></head>'
    asked = html().replace("</head>", asks)
    assert asks in asked
    with pytest.raises(BaseException, match="Error fetching") as refused:
        pdf.as_pdf(asked)
    assert type(refused.value).__name__ == "FatalURLFetchingError"


@can_print
def test_pages_are_printed_beside_their_html_and_a_broken_one_is_told(tmp_path):
    pages = [tmp_path / "open" / "balance.html", tmp_path / "open" / "safety.html"]
    pages[0].parent.mkdir()
    for number, page in enumerate(pages, start=1):
        page.write_text(html(number), encoding="utf-8")
    assert pdf.print_pages(pages) == [page.with_suffix(".pdf") for page in pages]
    assert [len(sheets(page.with_suffix(".pdf").read_bytes())) for page in pages] == [1, 2]
    pages[1].write_bytes(b"\xff\xfe\xff not text")
    with pytest.raises(BuildStopped, match="could not be printed"):
        pdf.print_pages(pages)


def test_a_machine_without_the_drawing_library_says_what_to_install(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pdf, "missing", lambda: f"install {pdf.PACKAGES}")
    page = tmp_path / "balance.html"
    page.write_text(html(), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert pdf.print_pages([page]) == []
    assert "libpango" in caplog.text
    assert [found.name for found in tmp_path.iterdir()] == ["balance.html"]
