"""A real Chromium, and the pages of a made-up study in it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
sync_api = pytest.importorskip("playwright.sync_api")


@dataclass
class Visit:
    """One page in the browser, and what went wrong while it loaded."""

    page: sync_api.Page
    complaints: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser():
    """Chromium of the system; the tests are skipped, saying so, where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Opens an address at a width in px, light or dark; complaints of the console are kept."""
    contexts = []

    def opened(address: str, width: int = 1400, scheme: str = "light", **more) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **more
        )
        contexts.append(context)
        seen = Visit(context.new_page())
        seen.page.on("console", lambda said: seen.complaints.append(said.text))
        seen.page.on("pageerror", lambda fault: seen.complaints.append(str(fault)))
        seen.page.on("dialog", lambda asked: (seen.complaints.append("a dialog"), asked.dismiss()))
        seen.page.on("request", lambda request: seen.asked_for.append(request.url))
        seen.page.goto(address)
        return seen

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def pages(rendered_home) -> dict[str, Path]:
    """Every page of the study by its place below the home: front page, reports and letters."""
    found = sorted(
        [*rendered_home.glob("reports/**/*.html"), *rendered_home.glob("letters/**/*.html")]
    )
    return {path.relative_to(rendered_home).as_posix(): path for path in found}
