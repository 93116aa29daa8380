"""REDCap's own exports: the data dictionary, and whether a data file's columns fit it.

The data file itself is comma-delimited text with one header row, read like any other.
Source: REDCap's dictionary template of 18 columns; checkbox columns are `field___code`, where the
`-` of a code is written `_`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pipelines.contracts.shapes import Layout
from pipelines.errors import ContractError, DeliveryRefused
from pipelines.forms.csv_text import read_csv

_COLUMNS = {  # ours -> REDCap's
    "field_name": "Variable / Field Name",
    "form_name": "Form Name",
    "field_type": "Field Type",
    "choices": "Choices, Calculations, OR Slider Labels",
    "validation": "Text Validation Type OR Show Slider Number",
    "min": "Text Validation Min",
    "max": "Text Validation Max",
    "identifier": "Identifier?",
}
_CHOICES = pl.List(pl.Struct({"code": pl.String, "label": pl.String}))
_WITH_CHOICES = ("radio", "dropdown", "checkbox")
_FIXED_CHOICES = {
    "yesno": [{"code": "1", "label": "Yes"}, {"code": "0", "label": "No"}],
    "truefalse": [{"code": "1", "label": "True"}, {"code": "0", "label": "False"}],
}
_NOT_EXPORTED = ("descriptive",)
_OF_EVERY_EXPORT = frozenset(
    (
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "redcap_data_access_group",
        "redcap_survey_identifier",
    )
)
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9_]")


def read_dictionary(path: Path) -> pl.DataFrame:
    """The data dictionary: one row per field, in order.

    Columns: field_name, form_name, field_type, choices (list of code and label; null where a field
    has none), validation, min, max (text, null where empty), identifier (Boolean). Raises
    ContractError where the file is not a dictionary.
    """
    layout = Layout(encoding="utf-8", header=tuple(_COLUMNS.values()))
    try:
        tables = list(read_csv(path, layout, batch_rows=100_000))
    except DeliveryRefused as error:
        raise ContractError(
            f"the data dictionary cannot be read: {error.what}",
            where=path.name,
            remedy="download it again from REDCap's Project Setup",
        ) from error
    broken = pl.concat([table.broken for table in tables])
    if broken.height:
        raise ContractError(
            f"{broken.height} lines of the data dictionary do not have its 18 columns",
            where=f"{path.name}, line {broken['row_no'][0]}",
            remedy="download it again from REDCap's Project Setup",
        )
    rows = pl.concat([table.rows for table in tables]).select(
        pl.col(theirs).str.strip_chars().replace({"": None}).alias(ours)
        for ours, theirs in _COLUMNS.items()
    )
    choices = [
        _choices(kind, text) for kind, text in zip(rows["field_type"], rows["choices"], strict=True)
    ]
    return rows.with_columns(
        pl.Series("choices", choices, dtype=_CHOICES),
        pl.col("identifier").fill_null("").str.to_lowercase() == "y",
    )


def check_against_dictionary(
    columns: Sequence[str], dictionary: pl.DataFrame
) -> list[tuple[str, str]]:
    """Pairs of column and problem, `not_in_dictionary` or `not_in_file`.

    `row_no`, REDCap's own columns and survey time stamps may be there or not.
    """
    expected = exported_columns(dictionary)
    forms = dictionary["form_name"].unique(maintain_order=True).drop_nulls()
    allowed = _OF_EVERY_EXPORT | {"row_no", *expected, *(f"{form}_timestamp" for form in forms)}
    there = set(columns)
    return [(column, "not_in_dictionary") for column in columns if column not in allowed] + [
        (column, "not_in_file") for column in expected if column not in there
    ]


def exported_columns(dictionary: pl.DataFrame) -> list[str]:
    """The columns of an export of all fields; `<form>_complete` follows each form's fields."""
    columns: list[str] = []
    form = None
    for name, its_form, kind, choices in dictionary.select(
        "field_name", "form_name", "field_type", "choices"
    ).iter_rows():
        if form is not None and its_form != form:
            columns.append(f"{form}_complete")
        form = its_form
        if kind == "checkbox":
            columns += [checkbox_column(name, choice["code"]) for choice in choices or ()]
        elif kind not in _NOT_EXPORTED:
            columns.append(name)
    if form is not None:
        columns.append(f"{form}_complete")
    return columns


def checkbox_column(field_name: str, code: str) -> str:
    """The column of one box: code `-1` of `pain` is `pain____1`."""
    return f"{field_name}___" + _NOT_IN_A_NAME.sub("", code.lower().replace("-", "_"))


def _choices(kind: str | None, text: str | None) -> list[dict[str, str]] | None:
    """The codes and labels written as `1, one | 2, two`."""
    if kind in _FIXED_CHOICES:
        return _FIXED_CHOICES[kind]
    if kind not in _WITH_CHOICES or text is None:
        return None
    parts = [choice.partition(",") for choice in re.split(r"[|\n]", text) if choice.strip()]
    return [{"code": code.strip(), "label": label.strip()} for code, _, label in parts]
