"""Colours that colour-blind readers tell apart, each with its dark twin. Source: Okabe and Ito."""

from __future__ import annotations

from typing import Literal

PAPER = "#fffffe"  # not pure white, so that white text in a dark cell stays white on a dark page
INK = "#1b2733"
MUTED = "#56616c"
GRID = "#e2e7ec"
RULE = "#8c97a2"
THIN = "#9da8b3"  # one person among many
BAND = "#f1f4f7"
BLUE = "#0072b2"
VERMILLION = "#d55e00"
GREEN = "#009e73"
PURPLE = "#aa4499"
PALE_BLUE = "#8fc4e3"
GROUPS = (BLUE, VERMILLION, GREEN, PURPLE)

# A page on a dark screen swaps these in its CSS; the SVG itself stays as it is for paper and PDF.
DARK = {
    PAPER: "#12181f",
    INK: "#e8edf2",
    MUTED: "#aeb8c2",
    GRID: "#2f3a45",
    RULE: "#7b8793",
    THIN: "#66727e",
    BAND: "#202932",
    BLUE: "#56b4e9",
    VERMILLION: "#f0933b",
    GREEN: "#35c79b",
    PURPLE: "#d58cc8",
    PALE_BLUE: "#3f7fa6",
}

# Cells carry their own text colour, so they look the same on a light and on a dark page.
CELL_DARK_TEXT, CELL_LIGHT_TEXT, CELL_EMPTY = "#14202c", "#ffffff", "#d9dee3"
CELL_RAMP = ("#eaf2f8", "#c3dbee", "#8dbcdd", "#4a90c2", "#1d659f", "#0a3f73")


def dark_figure_css() -> str:
    """CSS rules that swap each light colour of a figure for its dark twin."""
    properties: tuple[Literal["fill", "stroke"], ...] = ("fill", "stroke")
    return "\n".join(
        f'figure svg [{what}="{light}"] {{ {what}: {dark}; }}'
        for light, dark in DARK.items()
        for what in properties
    )
