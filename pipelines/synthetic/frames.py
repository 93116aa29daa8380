"""Arrays of the made-up trial as frames in study terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from pipelines import clock
from pipelines.contracts.model import Contract

POLARS_TYPES = {
    "text": pl.String,
    "code": pl.String,
    "integer": pl.Int64,
    "decimal": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "instant": pl.Datetime("us"),
}


def chosen(words: Sequence[str], index: np.ndarray, where: np.ndarray | None = None) -> pl.Series:
    """The word at each index; null where `where` is False."""
    index = np.asarray(index)
    picked = pl.Series(list(words), dtype=pl.String).gather(index.ravel())
    return picked if where is None else only(picked, where)


def only(values: pl.Series | np.ndarray, where: np.ndarray) -> pl.Series:
    """The values, null where `where` is False."""
    series = values if isinstance(values, pl.Series) else pl.Series(np.ascontiguousarray(values))
    return pl.select(pl.when(pl.Series(where.ravel())).then(series)).to_series()


def table(
    contract: Contract, name: str, columns: Mapping[str, pl.Series | np.ndarray]
) -> pl.DataFrame:
    """A frame with `clinic_id`, `_known` and the table's fields in contract order and type.

    `_known` is the date from which the row is known; a field that is not given is null.
    """
    fields = contract.tables[name].fields
    frame = pl.DataFrame(
        {
            key: value if isinstance(value, pl.Series) else np.ravel(value)
            for key, value in columns.items()
        }
    )
    types = {field: POLARS_TYPES[contract.fields[field].type] for field in fields}
    return frame.select(
        pl.col("clinic_id"),
        pl.col("_known").cast(pl.Date),
        *(
            _typed(frame, field, kind) if field in columns else pl.lit(None, kind).alias(field)
            for field, kind in types.items()
        ),
    )


def _typed(frame: pl.DataFrame, field: str, kind: pl.DataType) -> pl.Expr:
    values = pl.col(field)
    if frame.schema[field].is_float():
        values = values.fill_nan(None)
    return values.cast(kind)


def to_utc(local: np.ndarray, clinic: np.ndarray, contract: Contract) -> np.ndarray:
    """UTC of clinic wall-clock times. Assumes: no time falls on a clock change."""
    utc = np.full(local.shape, "NaT", "datetime64[us]")
    for index, body in enumerate(contract.clinics.values()):
        mine = clinic == index
        frame = pl.DataFrame({"local": local[mine].astype("datetime64[us]")})
        told = clock.local_to_utc(pl.col("local"), body.time_zone).struct.field("utc")
        utc[mine] = frame.select(told.alias("utc"))["utc"].to_numpy()
    return utc


def weekday(dates: np.ndarray) -> np.ndarray:
    """0 Monday to 6 Sunday."""
    return (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7


def running_number(group: np.ndarray) -> np.ndarray:
    """1, 2, 3 within each run of equal values. Assumes: the groups stand together."""
    if not len(group):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    place = np.arange(len(group))
    return place - np.repeat(place[starts], np.diff(np.r_[starts, len(group)])) + 1
