"""Tables in parts of a steady size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import polars as pl

from pipelines.contracts.shapes import BROKEN_SCHEMA, RawTable


def batches(parts: Iterable[RawTable], batch_rows: int) -> Iterator[RawTable]:
    """The parts joined and cut, none with more than `batch_rows` rows; one at least, maybe empty.

    Counts in `skipped` are those of the batch itself; `preamble` is the same in all.
    """
    waiting: list[RawTable] = []
    n_waiting = 0
    given = False
    for part in parts:
        waiting.append(part)
        n_waiting += part.rows.height + part.broken.height
        if n_waiting >= batch_rows:
            joined = _joined(waiting)
            while joined.rows.height > batch_rows:
                given = True
                yield RawTable(
                    joined.rows.head(batch_rows), joined.broken, joined.skipped, joined.preamble
                )
                joined = _rest(joined, batch_rows)
            waiting, n_waiting = [joined], joined.rows.height + joined.broken.height
            if n_waiting >= batch_rows:
                given = True
                yield joined
                waiting, n_waiting = [_rest(joined, joined.rows.height)], 0
    last = _joined(waiting)
    if not given or last.rows.height or last.broken.height or any(last.skipped.values()):
        yield last


def broken_frame(records: list[tuple[int, str, str]]) -> pl.DataFrame:
    """Records that could not be split into columns: row_no, rule, text as sent."""
    return pl.DataFrame(records, schema=BROKEN_SCHEMA, orient="row").sort("row_no")


def skipped_counts(**counts: int) -> dict[str, int]:
    """Counts of skipped lines, each kind named."""
    kinds = ("preamble", "header", "repeated_header", "blank", "footer")
    return {kind: int(counts.get(kind, 0)) for kind in kinds}


def _joined(parts: list[RawTable]) -> RawTable:
    if len(parts) == 1:
        return parts[0]
    skipped: Counter[str] = Counter(skipped_counts())
    for part in parts:
        skipped.update(part.skipped)
    return RawTable(
        rows=pl.concat([part.rows for part in parts], rechunk=False),
        broken=pl.concat([part.broken for part in parts]),
        skipped=dict(skipped),
        preamble=parts[-1].preamble,
    )


def _rest(table: RawTable, n_rows: int) -> RawTable:
    """What is left of a batch once its first rows, its broken records and its counts were given."""
    return RawTable(
        table.rows.slice(n_rows), table.broken.clear(), skipped_counts(), table.preamble
    )
