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

from pipelines.reports.layout import results
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
CELL = re.compile(rf'<t[dh](?: scope="row")? headers="{TABLE_ID}-c(\d+)"(?: class="\w+")?')
PLACE = re.compile(r'data-place="(\d+)"')
TAG = re.compile(r"<[^>]+>")  # great_tables writes `>` inside a cell as &gt;


@dataclass(frozen=True)
class Column:
    """One column of a printed table. `label` carries the unit.

    `percent` needs `whole`; `interval` and `estimate` need `low` and `high`; all name columns.
    The rest says what the numbers are, see `results`: their `unit` (or the column it stands in), the SQL expression
    `of` the basis' rows that gives them, a condition `where` on those rows of this column alone (both may name columns
    of the frame in braces), another `table` that has the same keys, and the column `n` of how many stand behind them.
    """

    name: str
    label: str
    kind: Kind = "text"
    digits: int = 0
    low: str = ""
    high: str = ""
    whole: str = ""
    unit: str = ""
    unit_from: str = ""
    of: str = ""
    where: str = ""
    table: str = ""
    n: str = ""

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
    basis: results.Basis | None = None,
) -> Table:
    """The frame's rows in their order, the first column as row header; text cells are escaped.

    Set `by_arm` where a column or row tells an arm: such a table is refused by an open page.
    An `interactive` one can be sorted and filtered on screen. With a `basis` its numbers are results: they can be traced.
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
    numbers, places = (
        results.of_table(frame, columns, title, basis) if basis else (results.SCHEMA.to_frame(), {})
    )
    body = _numbered(_bare(made.as_raw_html()), places)
    if cells.is_empty():
        body = body.replace(
            "</tbody>", f'<tr><td colspan="{len(names)}">No rows yet</td></tr></tbody>'
        )
    has_missing = any((cells[name] == MISSING).any() for name in names)
    legend = f"{MISSING} not available." if has_missing else ""
    sortable = interactive and not cells.is_empty()
    rests_on = results.rows_sql(basis) if basis else ""
    return Table(Markup(body), title, note, legend, by_arm, sortable, numbers, rests_on)


def inline(html: str, prefix: str, first: int = 1) -> Markup:
    """The table for use inside a page, with ids that no other table of the page has, its numbers counted from `first`."""
    ours = rf'\b(id|headers)="{TABLE_ID}-'

    def of_page(tag: re.Match) -> str:
        told = re.sub(ours, rf'\1="{prefix}-', tag.group())
        return PLACE.sub(lambda found: f'title="number {first + int(found[1])}"', told)

    return Markup(TAG.sub(of_page, html))


def _numbered(body: str, places: dict[tuple[int, int], int]) -> str:
    """The table with each cell that holds a result marked by the place of its first number."""
    row = -1

    def marked(cell: re.Match) -> str:
        nonlocal row
        column = int(cell[1])
        row += column == 0
        place = places.get((row, column))
        return cell[0] if place is None else f'{cell[0]} data-place="{place}"'

    return CELL.sub(marked, body)


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
