"""Does a file's content contradict what its clinic declared? The declaration is checked, never replaced."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as made_of

import polars as pl

from pipelines.errors import DeliveryRefused
from pipelines.standardise import values
from pipelines.standardise.columns import Mapping

_LEAST_VALUES = 20  # with fewer in a file nobody can tell its unit
_OTHER_MARK = {".": r"^[-+]?\d+,\d{1,2}$", ",": r"^[-+]?\d+\.\d{1,2}$"}


@dataclass
class Evidence:
    """Tallies over all batches of one file."""

    rows: int = 0
    own_ids: int = 0
    other_ids: int = 0
    dates_for: int = 0  # readable as declared, and only so
    dates_against: int = 0  # readable only with day and month changed over
    marks_for: int = 0
    marks_against: int = 0
    sizes: dict[str, list[pl.Series]] = made_of(
        default_factory=dict
    )  # values of fields with `file_p90`


def weigh(evidence: Evidence, cells: pl.DataFrame, staged: pl.DataFrame, mapping: Mapping) -> None:
    """Adds what one batch says."""
    evidence.rows += staged.height
    if "participant_id" in staged.columns:
        prefix = staged["participant_id"].str.slice(0, 3)
        well_formed = staged["participant_id"].str.contains(r"^\d{2}-\d{3}-\d$").fill_null(False)
        own = prefix == f"{mapping.clinic.prefix}-"
        evidence.own_ids += int((own & well_formed).sum())
        evidence.other_ids += int((~own & well_formed).sum())
    for column, meaning in mapping.columns.columns.items():
        if column not in cells.columns or meaning.field is None:
            continue
        field = mapping.contract.fields[meaning.field]
        if field.file_p90 is not None:
            evidence.sizes.setdefault(meaning.field, []).append(staged[meaning.field].drop_nulls())
        if field.type == "date":
            _weigh_dates(evidence, cells[column], meaning.dates or mapping.clinic.dates)
        elif (
            field.type == "decimal"
            and staged[meaning.field].null_count() > cells[column].null_count()
        ):
            against = (
                cells[column].cast(pl.String).str.contains(_OTHER_MARK[mapping.clinic.decimal])
            )
            evidence.marks_against += int(against.sum() or 0)
        if field.type == "decimal" and evidence.marks_for == 0:
            texts = cells[column].unique().cast(pl.String)
            marked = texts.str.contains(mapping.clinic.decimal, literal=True)
            evidence.marks_for += int(marked.any() or 0)


def _weigh_dates(evidence: Evidence, cells: pl.Series, order: str) -> None:
    other = values.swapped(order)
    if other is None:
        return
    distinct = cells.unique().drop_nulls().cast(pl.String).to_frame("cell")
    tried = distinct.select(
        declared=values.date(pl.col("cell"), order),
        changed=values.date(pl.col("cell"), other),
    )
    evidence.dates_for += tried.filter(
        pl.col("changed").is_null() & pl.col("declared").is_not_null()
    ).height
    evidence.dates_against += tried.filter(
        pl.col("declared").is_null() & pl.col("changed").is_not_null()
    ).height


def judge(evidence: Evidence, mapping: Mapping, where: str) -> None:
    """Raises DeliveryRefused where the file as a whole contradicts its declaration."""
    if evidence.other_ids and not evidence.own_ids:
        raise DeliveryRefused(
            "wrong_clinic",
            "every participant code in this file belongs to another clinic",
            where=where,
            remedy="send the file from the clinic whose participants it holds",
        )
    if evidence.dates_against and not evidence.dates_for:
        raise DeliveryRefused(
            "date_order_contradicted",
            f"{evidence.dates_against} dates can only be read with day and month changed over, none only as declared",
            where=where,
            remedy=f"export with dates as {mapping.clinic.dates}",
        )
    if evidence.marks_against and not evidence.marks_for:
        raise DeliveryRefused(
            "decimal_mark_contradicted",
            f"{evidence.marks_against} numbers use the other decimal mark, none the declared one",
            where=where,
            remedy=f"export with `{mapping.clinic.decimal}` as decimal mark",
        )
    for name, parts in evidence.sizes.items():
        _judge_unit(name, pl.concat(parts), mapping, where)


def _judge_unit(name: str, sent: pl.Series, mapping: Mapping, where: str) -> None:
    """Raises DeliveryRefused where the values of a field, as a file has them, are of another unit.

    A line of 10 cm read as one of 100 mm, or kilograms-force as newtons, passes each row's range.
    """
    field = mapping.contract.fields[name]
    low, high = field.file_p90
    if sent.len() < _LEAST_VALUES or low <= sent.quantile(0.9, "linear") <= high:
        return
    column, meaning = next(
        (column, meaning)
        for column, meaning in mapping.columns.columns.items()
        if meaning.field == name
    )
    raise DeliveryRefused(
        "unit_contradicted",
        f"nine in ten of the {sent.len()} values of `{column}` do not end between {low:g} and {high:g} {field.unit}, "
        f"read as {meaning.unit or field.unit}",
        where=where,
        remedy=f"send `{column}` in {meaning.unit or field.unit}, or tell us the unit it is in",
    )
