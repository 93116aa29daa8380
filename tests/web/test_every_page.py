"""Every page of a made-up study in a real browser: it loads quietly, can be read, and asks nobody for anything."""

from __future__ import annotations

from pathlib import Path

import pytest

OVERLAPS = Path(__file__).with_name("overlaps.js").read_text(encoding="utf-8")
WIDTHS = (360, 1400)
IN_THE_DARK = ("reports/index.html", "closed/knee_pain.html", "alder/letter.html")  # one style


def told(found: list[tuple[str, object]]) -> str:
    return "\n".join(f"{page}: {what}" for page, what in found)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_quiet_asks_nobody_fits_and_can_be_read(pages, visit, width):
    faults = []
    assert len(pages) > 10
    for name, path in pages.items():
        seen = visit(path.as_uri(), width)
        asked = [address for address in seen.asked_for if address != path.as_uri()]
        wide = seen.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults += [(name, said) for said in [*seen.complaints, *asked]]
        faults += [(name, f"{wide} px wider than the screen")] if wide > 0 else []
        faults += [(name, f"drawn over: {pair}") for pair in seen.page.evaluate(OVERLAPS)[:5]]
        seen.page.close()
    assert not faults, told(faults)


def test_two_texts_on_one_place_would_be_found(visit, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<!DOCTYPE html><p style='position:absolute;top:9px'>below</p>"
        "<p style='position:absolute;top:12px'>above</p>"
    )
    assert visit(page.as_uri()).page.evaluate(OVERLAPS) == ["below | above"]


def test_nothing_serious_is_found_by_axe(pages, visit):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    faults = []
    for name, path in pages.items():
        for scheme in ("light", "dark") if name.endswith(IN_THE_DARK) else ("light",):
            found = axe.run(visit(path.as_uri(), 1000, scheme, bypass_csp=True).page).response
            faults += [
                (f"{name} ({scheme})", f"{fault['id']}: {fault['nodes'][0]['html'][:160]}")
                for fault in found["violations"]
                if fault["impact"] in ("serious", "critical")
            ]
    assert not faults, told(faults)
