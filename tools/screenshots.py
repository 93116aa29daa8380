"""The pictures of docs/images that show pages, taken anew of a demo by a real Chromium.

python tools/screenshots.py --home var/demo
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

OUT = Path(__file__).resolve().parent.parent / "docs" / "images"
# name: page below reports/, width and height in px, colour scheme, medium
SHOTS = {
    "front_1400": ("index.html", 1400, 1500, "light", "screen"),
    "front_360": ("index.html", 360, 1500, "light", "screen"),
    "front_dark": ("index.html", 1400, 1500, "dark", "screen"),
    "front_print": ("index.html", 794, 1123, "light", "print"),
    "knee_pain": ("{night}/closed/knee_pain.html", 900, 1250, "light", "screen"),
    "clinic_quality": ("{night}/open/clinic_quality.html", 900, 1250, "light", "screen"),
    "board": ("{night}/closed/dsmb_closed.html", 900, 1250, "light", "screen"),
    "restatement": ("{night}/open/restatement.html", 900, 1250, "light", "screen"),
}  # fmt: skip


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--home", type=Path, required=True)
    reports = ask.parse_args().home.resolve() / "reports"
    night = max(path.name for path in reports.iterdir() if path.is_dir())
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("no chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )  # fmt: skip
        for name, (page, width, height, scheme, medium) in SHOTS.items():
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            sheet = context.new_page()
            sheet.emulate_media(media=medium)
            sheet.goto((reports / page.format(night=night)).as_uri())
            sheet.screenshot(path=OUT / f"{name}.png")
            context.close()
            print(OUT / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
