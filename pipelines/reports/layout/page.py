"""One page: a single HTML file that loads nothing, runs nothing and prints well."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipelines.reports.layout import svg, tables
from pipelines.reports.layout.blocks import (
    Block,
    Callout,
    Figure,
    KeyNumbers,
    Links,
    Page,
    Table,
    numbers_of,
)
from pipelines.reports.layout.palette import dark_figure_css

HERE = Path(__file__).parent
BANNERS = {
    "open": ("Open session report", "No result by arm. May be shared within the study team."),
    "closed": (
        "Closed session report",
        "For the DSMB and the unblinded statistician only. Shows results by arm.",
    ),
    "clinic": ("For the clinic named here", "Data of this clinic only. No result, no arm."),
}
CONTENT_SECURITY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
SCRIPT = (HERE / "page.js").read_text(encoding="utf-8")
BESIDE = re.compile(r"(?![a-zA-Z][a-zA-Z0-9+.-]*:|/|\\)[^\s]+")


def render_page(page: Page) -> str:
    """The page as HTML, the same bytes for the same page."""
    blocks = list(page.blocks)
    _refuse_arm(page, blocks)
    _refuse_far_links(blocks)
    numbers, results = _numbered(blocks), _result_spans(blocks)
    script = SCRIPT if any(isinstance(b, Table) and b.interactive for b in blocks) else ""
    headline, rule = BANNERS[page.audience]
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            page=page,
            banner_headline=headline,
            banner_rule=rule,
            content_security=CONTENT_SECURITY
            + (f"; script-src {script_source()}" if script else ""),
            script=Markup(script),
            style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
            dark_figures=Markup(dark_figure_css()),
            running_head=Markup(css_string(f"{headline}: {page.title}")),
            running_foot=Markup(css_string(footer(page))),
            provenance=provenance(page),
            footer=footer(page),
            warning=missed_canaries(page),
            number_of=lambda block: numbers[id(block)],
            results_of=lambda block: results[id(block)],
            drawn=_drawn,
            tabled=tables.inline,
            kind_of=lambda block: type(block).__name__,
        )
    )


def script_source() -> str:
    """The page's only script as a Content-Security-Policy names it: by its digest."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def provenance(page: Page) -> str:
    """The cut-off and the code version, as each page carries them."""
    return f"Data cut-off {page.cutoff_text} \N{MIDDLE DOT} code {page.code_version}"


def missed_canaries(page: Page) -> Callout | None:
    """What a page says above all else when the night's checks let a planted fault through."""
    if page.canaries is None or not page.canaries.missed:
        return None
    return Callout(
        f"{page.canaries.counted}. Not caught: {'; '.join(page.canaries.missed)}. Real faults of these kinds may stand "
        "in the numbers of this page. Do not rely on them until the operator has found out why (runbook, A canary was missed).",
        title="the checks of this night missed a planted fault",
    )


def footer(page: Page) -> str:
    """What stands at the foot of each page and of each printed sheet."""
    counted = f" \N{MIDDLE DOT} {page.canaries.counted}" if page.canaries else ""
    return provenance(page) + counted


def css_string(text: str) -> str:
    """The text as a CSS string in which no character can end the string or the style element."""
    plain = re.compile(
        "[A-Za-z0-9 .,:;()_\N{MIDDLE DOT}-]"
    )  # a space after an escape would be part of it
    return (
        '"'
        + "".join(sign if plain.fullmatch(sign) else f"\\{ord(sign):06x}" for sign in text)
        + '"'
    )


@cache
def environment() -> Environment:
    """Templates of this folder; every text is escaped, and an unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _drawn(text: str, prefix: str) -> Markup:
    return Markup(svg.inline(text, prefix))


def _numbered(blocks: list[Block]) -> dict[int, int]:
    """Tables and figures counted from 1 in the order they stand."""
    counted = {}
    for kind in (Table, Figure):
        counted |= {
            id(block): place
            for place, block in enumerate((b for b in blocks if isinstance(b, kind)), 1)
        }
    return counted


def _result_spans(blocks: list[Block]) -> dict[int, tuple[int, int]]:
    """First and last number of each table's and tile's results, as `Page.numbers` counts them; the last is less where it has none."""
    spans, last = {}, 0
    for block in blocks:
        for part in block.items if isinstance(block, KeyNumbers) else (block,):
            first, last = last + 1, last + numbers_of(part).height
            spans[id(part)] = (first, last)
    return spans


def _refuse_arm(page: Page, blocks: list[Block]) -> None:
    told = [block.title for block in blocks if isinstance(block, Table | Figure) and block.by_arm]
    if told and page.audience != "closed":
        raise ValueError(
            f"{page.audience} page `{page.title}` would show results by arm: {', '.join(told)}"
        )


def _refuse_far_links(blocks: list[Block]) -> None:
    links = [link for block in blocks if isinstance(block, Links) for link in block.items]
    far = [link.href for link in links if not BESIDE.fullmatch(link.href)]
    if far:
        raise ValueError(
            f"links must name a file beside the page, without scheme or leading slash: {far}"
        )
