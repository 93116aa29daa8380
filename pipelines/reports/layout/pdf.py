"""The printed form of a page: the same HTML laid out on A4 by WeasyPrint, as an accessible PDF."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pipelines import files
from pipelines.errors import BuildStopped

_LOG = logging.getLogger(__name__)
_PROCESSES = 2  # one page takes a second or two of one core
_HAND = f"from {__name__} import print_given; print_given()"
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

    The largest pages are dealt out first. Processes of their own keep both cores busy, and
    whatever a drawing library does to memory away from the night. Raises BuildStopped.
    """
    why = missing()
    if why:
        _LOG.warning(why)
        return []
    by_size = sorted(pages, key=lambda path: (-path.stat().st_size, str(path)))
    hands = [by_size[start::_PROCESSES] for start in range(_PROCESSES)]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _HAND, *map(str, hand)],
            cwd=Path(__file__).resolve().parents[3],
        )
        for hand in hands
        if hand
    ]
    ended = [process.wait() for process in running]
    if any(ended):
        raise BuildStopped(
            "a report could not be printed",
            where="reports",
            remedy="the lines above name the page; its HTML is written",
        )
    return [path.with_suffix(".pdf") for path in pages]


def print_given() -> None:
    """Prints the pages named on the command line of this process."""
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it names each CSS rule for screens
    for page in map(Path, sys.argv[1:]):
        files.write_bytes_atomic(page.with_suffix(".pdf"), as_pdf(page.read_text("utf-8")))
