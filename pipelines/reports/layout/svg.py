"""Altair charts to SVG that is the same bytes each time and says nothing but what it shows.

vega numbers its ids upward through the life of a process, writes data values into aria labels and
wraps every mark in empty groups; here ids start at 0, labels are gone, and decimals end where no
eye can see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from xml.etree import ElementTree

import altair as alt
import vl_convert
from altair.utils.schemapi import debug_mode

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.palette import BAND, GRID, INK, MUTED, RULE

VALIDATED = (
    False  # against the schema of Vega-Lite, at a third of the time; the tests of figures do
)
SVG = "http://www.w3.org/2000/svg"
MEASURED_FONT = "Liberation Sans"  # bundled with vl-convert, so widths do not depend on the machine
SHOWN_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif'
NOT_KEPT = re.compile(r"(aria-.*|role|class|pointer-events|font-family)")
LONG_DECIMAL = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
TAG = re.compile(r"<[^>]+>")  # in what we serialise, `>` inside text or values is written &gt;


@dataclass(frozen=True)
class Size:
    """One of the two widths a figure is drawn in, in px."""

    width: int
    font: int
    narrow: bool


WIDE = Size(width=680, font=13, narrow=False)
NARROW = Size(width=344, font=12, narrow=True)


def draw(
    build: Callable[[Size], alt.TopLevelMixin],
    *,
    title: str,
    caption: str,
    alt_text: str,
    by_arm: bool = False,
) -> Figure:
    """The figure that `build` draws, once per width."""
    with debug_mode(VALIDATED):
        wide, narrow = (
            clean(_render(build(size), size), title, alt_text, size.width)
            for size in (WIDE, NARROW)
        )
    return Figure(wide, narrow, title, caption, alt_text, by_arm)


def no_data(title: str, reason: str, *, by_arm: bool = False) -> Figure:
    """A calm panel in place of a figure that has nothing to show yet."""
    caption = f"No data yet: {reason}"

    def panel(size: Size) -> str:
        middle, height = size.width / 2, 96
        svg = (
            f'<svg xmlns="{SVG}" viewBox="0 0 {size.width} {height}">'
            f'<rect x="0.5" y="0.5" width="{size.width - 1}" height="{height - 1}" rx="6" '
            f'fill="{BAND}" stroke="{RULE}" stroke-dasharray="4 4"/>'
            f'<text x="{middle}" y="54" text-anchor="middle" font-size="{size.font + 2}" '
            f'fill="{MUTED}">No data yet</text></svg>'
        )
        return clean(svg, title, caption, size.width)

    return Figure(panel(WIDE), panel(NARROW), title, caption, caption, by_arm)


def clean(svg: str, title: str, alt_text: str, least_width: float = 0) -> str:
    """The SVG with ids from 0, a title and a description, without labels and empty groups."""
    root = ElementTree.fromstring(svg)
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    width = max(width, least_width)  # else a page would blow up a small drawing to its full width
    _drop_empty(root)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    renamed = {old: f"part{number}" for number, old in enumerate(ids)}
    for element in root.iter():
        element.attrib = {
            name: renamed[value] if name == "id" else _tidy(value, renamed)
            for name, value in element.attrib.items()
            if not NOT_KEPT.fullmatch(name)
        }
    root.attrib = {
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": f"{width:g}",
        "height": f"{height:g}",
        "role": "img",
        "aria-labelledby": "title",
        "aria-describedby": "desc",
        "font-family": SHOWN_FONT,
    }
    for place, (name, text) in enumerate((("title", title), ("desc", alt_text))):
        described = ElementTree.Element(f"{{{SVG}}}{name}", {"id": name})
        described.text = text
        root.insert(place, described)
    ElementTree.register_namespace("", SVG)  # each time: WeasyPrint gives the prefix away
    return ElementTree.tostring(root, encoding="unicode")


def inline(svg: str, prefix: str) -> str:
    """The SVG for use inside a page: no namespace, and ids that no other figure of it has."""
    svg = svg.replace(f' xmlns="{SVG}"', "", 1)
    return TAG.sub(lambda tag: _prefixed(tag.group(), prefix), svg)


def _prefixed(tag: str, prefix: str) -> str:
    tag = re.sub(r'\b(id|aria-labelledby|aria-describedby)="([^"]+)"', rf'\1="{prefix}-\2"', tag)
    return tag.replace("url(#", f"url(#{prefix}-")


def _render(chart: alt.TopLevelMixin, size: Size) -> str:
    spec = chart.to_dict(validate=VALIDATED) | {
        "config": _config(size),
        "background": "transparent",
        "padding": 2,
    }
    return _svg_of(json.dumps(spec))


@lru_cache(maxsize=64)
def _svg_of(spec: str) -> str:
    """The drawing; the same figure stands on several pages of a night."""
    return vl_convert.vegalite_to_svg(spec)


def _config(size: Size) -> dict:
    axis = {
        "labelColor": MUTED,
        "labelFontSize": size.font,
        "titleColor": MUTED,
        "titleFontSize": size.font,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": GRID,
        "domain": False,
        "tickColor": RULE,
        "labelPadding": 4,
    }
    title = {
        "anchor": "start",
        "frame": "group",
        "fontSize": size.font,
        "fontWeight": "bold",
        "color": INK,
        "subtitleColor": MUTED,
        "subtitleFontSize": size.font,
        "subtitlePadding": 3,
        "offset": 8,
    }
    legend = {
        "orient": "top",
        "direction": "horizontal",
        "labelFontSize": size.font,
        "labelColor": INK,
        "labelLimit": 0,
        "symbolSize": 90,
        "title": None,
        "offset": 6,
        "columnPadding": 14,
        "layout": {"top": {"anchor": "start", "direction": "vertical"}},
    }
    return {
        "font": MEASURED_FONT,
        "view": {"stroke": None},
        "axis": axis,
        "title": title,
        "legend": legend,
        "text": {"fontSize": size.font, "color": INK},
        "aria": False,
    }


def _drop_empty(element: ElementTree.Element) -> None:
    """Takes out hidden marks and groups that hold nothing."""
    for child in list(element):
        _drop_empty(child)
        tag = child.tag.removeprefix(f"{{{SVG}}}")
        hidden = child.attrib.get("display") == "none"
        paintless = tag == "path" and not {"fill", "stroke"} & child.attrib.keys()
        hollow = tag in {"g", "defs"} and len(child) == 0
        blank_path = tag == "path" and child.attrib.get("d") in {"", "M0,0h0v0h0Z"}
        if (
            hidden
            or hollow
            or blank_path
            or (paintless and "background" in child.attrib.get("class", ""))
        ):
            element.remove(child)


def _tidy(value: str, renamed: dict[str, str]) -> str:
    value = re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{renamed[match.group(1)]})", value)
    return LONG_DECIMAL.sub(
        lambda match: f"{float(match.group()):.2f}".rstrip("0").rstrip("."), value
    )
