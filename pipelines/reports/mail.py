"""The study lead's digest as a mail: its figures as pictures that stand in the text, its PDF beside it."""

from __future__ import annotations

import re
from pathlib import Path

import vl_convert
from markupsafe import Markup

from pipelines import files
from pipelines.reports.layout import blocks
from pipelines.reports.layout.page import BANNERS, environment, footer, missed_canaries
from pipelines.reports.layout.tables import PLACE

_SCALE = 2.0  # pictures for screens with two dots to a pixel
_CELL = re.compile(r"<(t[hd])\b([^>]*)>")


def write_mail(page: blocks.Page, folder: Path, pdf: Path | None) -> dict:
    """Writes the pictures into the folder; subject, html and files (pictures, then the PDF) of the mail.

    The html names each picture by its file name as content id, as a related part of the mail has it. Mail programs
    show no SVG and drop style sheets, so figures are PNG and styles stand on the elements.
    """
    drawn = [block for block in page.blocks if isinstance(block, blocks.Figure)]
    names = {id(block): f"figure-{number}.png" for number, block in enumerate(drawn, start=1)}
    for block in drawn:
        picture = vl_convert.svg_to_png(block.wide_svg, scale=_SCALE)
        files.write_bytes_atomic(folder / names[id(block)], picture)
    html = (
        environment()
        .get_template("mail.html.jinja")
        .render(
            page=page,
            banner=BANNERS[page.audience],
            provenance=footer(page),
            warning=missed_canaries(page),
            kind_of=lambda block: type(block).__name__,
            picture=lambda block: names[id(block)],
            styled=_styled,
        )
    )
    attached = [str(folder / name) for name in names.values()]
    return {
        "subject": f"[backstep] {page.title}, data until {page.cutoff_text}",
        "html": html,
        "files": attached + ([str(pdf)] if pdf is not None and pdf.is_file() else []),
    }


def _styled(table: Markup) -> Markup:
    """The table with its style on each cell."""

    def cell(found: re.Match) -> str:
        side = "right" if "right" in found[2] else "left"
        style = (
            f"padding:4px 8px;text-align:{side};border-bottom:1px solid #d5dbe1;vertical-align:top"
        )
        return f'<{found[1]}{PLACE.sub("", found[2]).rstrip()} style="{style}">'

    whole = 'style="border-collapse:collapse;font-size:13px;width:100%"'
    return Markup(_CELL.sub(cell, str(table)).replace("<table>", f"<table {whole}>", 1))
