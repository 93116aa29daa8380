"""The participant flow as boxes from top to bottom, one column per group. Source: CONSORT 2025."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.palette import BAND, INK, MUTED, RULE
from pipelines.reports.layout.svg import NARROW, SVG, WIDE, Size, clean, no_data

_GAP, _PAD, _ROOM = 26, 10, 6  # px between boxes, inside them, and between their lines


@dataclass(frozen=True)
class Box:
    """One station of the flow: its heading and what is counted there."""

    heading: str
    lines: tuple[str, ...] = ()


def flow_chart(
    top: Box, columns: dict[str, Sequence[Box]], *, title: str, caption: str, by_arm: bool = False
) -> Figure:
    """`top` stands over all; each group has a column of boxes below it, as many in each."""
    if not columns:
        return no_data(title, "nobody has been randomised before the cut-off.", by_arm=by_arm)
    told = "; ".join(
        f"{name + ': ' if name else ''}" + ", then ".join(_said(box) for box in boxes)
        for name, boxes in columns.items()
    )
    alt_text = f"Boxes from top to bottom. {_said(top)}. {told}."
    wide, narrow = (
        clean(_drawn(top, columns, size), title, alt_text, size.width) for size in (WIDE, NARROW)
    )
    return Figure(wide, narrow, title, caption, alt_text, by_arm)


def _said(box: Box) -> str:
    return " ".join([box.heading, *([f"({', '.join(box.lines)})"] if box.lines else [])])


def _drawn(top: Box, columns: dict[str, Sequence[Box]], size: Size) -> str:
    step = size.font + _ROOM
    between = 14 if size.narrow else 40
    wide = min(300.0, (size.width - 2 - between * (len(columns) - 1)) / len(columns))
    start = (size.width - wide * len(columns) - between * (len(columns) - 1)) / 2
    middles = [start + wide / 2 + place * (wide + between) for place in range(len(columns))]
    parts: list[str] = []

    def box(one: Box, middle: float, y: float, height: float) -> None:
        parts.append(
            f'<rect x="{middle - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{height:.1f}" rx="4" '
            f'fill="{BAND}" stroke="{RULE}"/>'
        )
        for place, text in enumerate((one.heading, *one.lines)):
            look = f'font-weight="bold" fill="{INK}"' if place == 0 else f'fill="{MUTED}"'
            parts.append(
                f'<text x="{middle:.1f}" y="{y + _PAD + size.font + place * step:.1f}" text-anchor="middle" '
                f'font-size="{size.font}" {look}>{_escaped(text)}</text>'
            )

    def high(one: Box) -> float:
        return 2 * _PAD + size.font + len(one.lines) * step

    def arrow(x: float, y: float, to: float) -> None:
        parts.append(f'<path d="M{x:.1f} {y:.1f}V{to - 5:.1f}" stroke="{RULE}" fill="none"/>')
        parts.append(
            f'<path d="M{x - 4:.1f} {to - 6:.1f}L{x + 4:.1f} {to - 6:.1f}L{x:.1f} {to:.1f}Z" fill="{RULE}"/>'
        )

    y = 1.0
    box(top, size.width / 2, y, high(top))
    y += high(top)
    if len(columns) > 1:
        parts.append(f'<path d="M{size.width / 2:.1f} {y:.1f}v{_GAP / 2:.1f}M{middles[0]:.1f} {y + _GAP / 2:.1f}H{middles[-1]:.1f}" stroke="{RULE}" fill="none"/>')  # fmt: skip
    for place in range(max(len(boxes) for boxes in columns.values())):
        of_row = [boxes[place] for boxes in columns.values()]
        height = max(high(one) for one in of_row)
        for middle, one in zip(middles, of_row, strict=True):
            from_y = y + _GAP / 2 if place == 0 and len(columns) > 1 else y
            arrow(middle, from_y, y + _GAP)
            box(one, middle, y + _GAP, height)
        y += _GAP + height
    return f'<svg xmlns="{SVG}" viewBox="0 0 {size.width} {y + 2:.0f}">{"".join(parts)}</svg>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
