"""Tables from frames: great_tables builds the HTML, our page styles it.

great_tables brings 7 to 24 KB of CSS with each table and takes a random id; here the CSS is gone
and the page gives ids, so a table is the same bytes wherever it is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl
from great_tables import GT
from markupsafe import Markup

from pipelines.reports.layout.blocks import Table
from pipelines.reports.layout.numbers import (
    MISSING,
    estimate,
    interval,
    number,
    p_value,
    percent,
    signed,
)

Kind = Literal["text", "number", "signed", "percent", "p", "interval", "estimate"]
TABLE_ID = "table"
TAG = re.compile(r"<[^>]+>")  # great_tables writes `>` inside a cell as &gt;


@dataclass(frozen=True)
class Column:
    """One column of a printed table. `label` carries the unit.

    `percent` needs `whole`; `interval` and `estimate` need `low` and `high`; all name columns.
    """

    name: str
    label: str
    kind: Kind = "text"
    digits: int = 0
    low: str = ""
    high: str = ""
    whole: str = ""

    @property
    def sources(self) -> list[str]:
        """The columns that the cells are made from, in the order their writer takes them."""
        named = {"interval": [self.low, self.high], "estimate": [self.name, self.low, self.high]}
        return named.get(
            self.kind, [self.name, self.whole] if self.kind == "percent" else [self.name]
        )


def table(
    frame: pl.DataFrame,
    columns: Sequence[Column],
    *,
    title: str,
    note: str = "",
    by_arm: bool = False,
    interactive: bool = False,
) -> Table:
    """The frame's rows in their order, the first column as row header; text cells are escaped.

    Set `by_arm` where a column or row tells an arm: such a table is refused by an open page.
    An `interactive` one can be sorted and filtered on screen.
    """
    names = [f"c{place}" for place in range(len(columns))]
    cells = pl.DataFrame(
        {name: _written(frame, column) for name, column in zip(names, columns, strict=True)},
        schema=dict.fromkeys(names, pl.String),
    )
    labels = {name: column.label for name, column in zip(names, columns, strict=True)}
    right = [name for name, column in zip(names, columns, strict=True) if column.kind != "text"]
    left = [name for name in names if name not in right]
    made = GT(cells, id=TABLE_ID).cols_label(**labels)  # escapes labels and cells
    made = made.cols_align("right", right) if right else made
    made = made.cols_align("left", left) if left else made
    body = _bare(made.as_raw_html())
    if cells.is_empty():
        body = body.replace(
            "</tbody>", f'<tr><td colspan="{len(names)}">No rows yet</td></tr></tbody>'
        )
    has_missing = any((cells[name] == MISSING).any() for name in names)
    legend = f"{MISSING} not available." if has_missing else ""
    return Table(Markup(body), title, note, legend, by_arm, interactive and not cells.is_empty())


def inline(html: str, prefix: str) -> Markup:
    """The table for use inside a page, with ids that no other table of the page has."""
    ours = rf'\b(id|headers)="{TABLE_ID}-'
    return Markup(TAG.sub(lambda tag: re.sub(ours, rf'\1="{prefix}-', tag.group()), html))


def _written(frame: pl.DataFrame, column: Column) -> list[str]:
    """The cells of one column as text; the words of a number live in `numbers`."""
    writers: dict[Kind, Callable[..., str]] = {
        "text": lambda value: MISSING if value is None else str(value),
        "number": lambda value: number(value, column.digits),
        "signed": lambda value: signed(value, column.digits),
        "percent": lambda part, whole: percent(part, whole, column.digits),
        "p": p_value,
        "interval": lambda low, high: interval(low, high, column.digits),
        "estimate": lambda value, low, high: estimate(value, low, high, column.digits),
    }
    return [writers[column.kind](*values) for values in frame.select(column.sources).iter_rows()]


def _bare(html: str) -> str:
    """Only the table element, with the classes and ids our page uses."""
    start, end = html.index("<table"), html.index("</table>") + len("</table>")
    body = TAG.sub(lambda tag: _plain_tag(tag.group()), html[start:end])
    first_cell = re.compile(r"(<tr>\s*)<td( headers=[^>]*)>(.*?)</td>", re.DOTALL)
    return first_cell.sub(r'\1<th scope="row"\2>\3</th>', body)


def _plain_tag(tag: str) -> str:
    """The tag with its side (`left`, `right`) as its only class."""
    if tag.startswith("<table"):
        return "<table>"
    tag = re.sub(r'class="[^"]*\bgt_(right|left)\b[^"]*"', r'class="\1"', tag)
    return re.sub(r' (?:rowspan|colspan)="1"| class="gt_[^"]*"', "", tag)
