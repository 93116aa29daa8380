"""The printed form of a page: the same HTML laid out on A4 by WeasyPrint, as an accessible PDF."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pipelines import files
from pipelines.errors import BuildStopped

_LOG = logging.getLogger(__name__)
PACKAGES = "libpango-1.0-0, libpangoft2-1.0-0, libharfbuzz-subset0 and fonts-liberation"


@cache
def missing() -> str | None:
    """Why this machine cannot print, or None. WeasyPrint draws with libraries of the system."""
    try:
        import weasyprint  # noqa: F401  (a second or two, so only where pages are printed)
    except OSError:
        return f"PDF files are not written: install {PACKAGES}, then render the reports again"
    return None


def as_pdf(html: str) -> bytes:
    """The page as PDF/UA, the same bytes for the same page and fonts. Nothing is loaded."""
    import weasyprint
    from weasyprint.urls import URLFetcher

    nothing = URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    return weasyprint.HTML(string=html, url_fetcher=nothing).write_pdf(pdf_variant="pdf/ua-1")


def print_pages(pages: Sequence[Path]) -> list[Path]:
    """Writes `x.pdf` beside each `x.html`; the paths written, none where the machine cannot print.

    Raises BuildStopped, naming the page.
    """
    why = missing()
    if why:
        _LOG.warning(why)
        return []
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it names each CSS rule for screens
    for page in pages:
        try:
            printed = as_pdf(page.read_text("utf-8"))
        except Exception as fault:
            raise BuildStopped(
                f"a report could not be printed: {type(fault).__name__}",
                where=str(Path(page.parent.name) / page.name),
                remedy="its HTML is written; look there for what is drawn last, and report it with the page",
            ) from fault
        files.write_bytes_atomic(page.with_suffix(".pdf"), printed)
    return [path.with_suffix(".pdf") for path in pages]
