"""Cells of text by their place in a buffer, as Polars strings, without a second parse of the text.

A string of a Polars or Arrow "view" column is 16 bytes: its length, then either the text itself (up
to 12 bytes) or its first 4 bytes, a buffer number and an offset. All of them are made at once from
starts and lengths.
Source: Arrow columnar format, 'Variable-size Binary View Layout'.
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.forms.csv_dialect import Dialect
from pipelines.forms.csv_scan import Scan, field_bounds

_INLINE_BYTES = 12
_PADDING = b"\0" * 16  # so that 16 bytes can be loaded from any start
_LOW = np.array([(1 << (8 * n)) - 1 for n in range(9)], np.uint64)  # keeps the first n of 8 bytes
_HALF = np.uint64(32)
_CELLS_AT_ONCE = 1 << 15  # what the steps work on stays in the processor's cache


def cells_of(
    data: bytes, found: Scan, records: np.ndarray, names: list[str], dialect: Dialect
) -> pl.DataFrame:
    """The cells of the given records, one String column per name.

    Assumes: each of `records` has as many fields as there are names, and `data` is UTF-8.
    """
    n = len(names)
    starts, ends, index = field_bounds(data, found, records, n)
    block = np.frombuffer(data, np.uint8)
    if dialect.quote and dialect.quote in data:
        quoted = (block[starts] == dialect.quote[0]) & (ends > starts)
        if found.n_doubled is not None:
            keep = np.ones(len(block), bool)
            keep[found.doubled] = False
            data = block[keep].tobytes()
            ends -= found.n_doubled[index]
            before = found.n_doubled[index - 1]
            before[index == 0] = 0
            starts -= before
        starts += quoted
        ends -= quoted
    return strings(data, starts, ends, names)


def strings(data: bytes, starts: np.ndarray, ends: np.ndarray, names: list[str]) -> pl.DataFrame:
    """Columns of the texts between `starts` and `ends`, given row by row; they keep `data` alive.

    Assumes: every cut is between two characters of UTF-8.
    """
    assert sys.byteorder == "little"  # the views are written as whole words
    n_columns, n_rows = len(names), len(starts) // len(names)
    buffer = data + _PADDING
    words = np.ndarray((len(buffer) - 7,), "<u8", buffer, strides=(1,))
    views = np.empty((n_columns, n_rows, 2), "<u8")
    step = max(1, _CELLS_AT_ONCE // n_columns)
    for row in range(0, n_rows, step):
        some = slice(row * n_columns, (row + step) * n_columns)
        first, second = _views(words, starts[some], ends[some] - starts[some])
        views[:, row : row + step, 0] = first.reshape(-1, n_columns).T
        views[:, row : row + step, 1] = second.reshape(-1, n_columns).T
    text = pa.py_buffer(buffer)
    return pl.DataFrame(
        [
            _series(name, n_rows, pa.py_buffer(view), text)
            for name, view in zip(names, views, strict=True)
        ]
    )


def _views(
    words: np.ndarray, starts: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both words of each view; `words` are the 8 bytes from each place of the buffer."""
    low = words[starts]
    low &= _LOW[np.minimum(lengths, 8)]
    first = lengths.astype(np.uint64)
    first |= low << _HALF
    second = low >> _HALF
    more = np.flatnonzero(lengths > 8)
    high = words[starts[more] + 8] & _LOW[np.minimum(lengths[more] - 8, _INLINE_BYTES - 8)]
    second[more] |= high << _HALF
    far = more[lengths[more] > _INLINE_BYTES]
    second[far] = starts[far].astype(np.uint64) << _HALF
    return first, second


def _series(name: str, n_rows: int, views: pa.Buffer, text: pa.Buffer) -> pl.Series:
    array = pa.Array.from_buffers(pa.string_view(), n_rows, [None, views, text])
    return pl.Series(name, array, dtype=pl.String)
