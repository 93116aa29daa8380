"""CDISC Dataset-JSON 1.1: one dataset as one JSON text."""

from __future__ import annotations

import json

import polars as pl

from pipelines.exports.sdtm_model import Dataset, Variable

_TYPES = {
    "text": "string", "integer": "integer", "float": "double", "date": "date", "incompleteDate": "string",
}  # fmt: skip


def dataset_json(dataset: Dataset, frame: pl.DataFrame, about: dict[str, str], version: str) -> str:
    """The JSON text, one record a line. Times of making are the cut-off, so that the same night is the same bytes."""
    head = {
        "datasetJSONCreationDateTime": about["cutoff_utc"],
        "datasetJSONVersion": "1.1.0",
        "fileOID": f"{about['study_id']}.{dataset.name}.{about['audience']}.{about['cutoff_utc']}",
        "dbLastModifiedDateTime": about["cutoff_utc"],
        "originator": about["study_id"],
        "sourceSystem": {"name": "Backstep", "version": version},
        "studyOID": f"STUDY.{about['study_id']}",
        "metaDataVersionOID": f"MDV.{about['study_id']}",
        "metaDataRef": "define.xml",
        "itemGroupOID": f"IG.{dataset.name}",
        "records": frame.height,
        "name": dataset.name,
        "label": dataset.label,
        "columns": [column(dataset, variable, frame) for variable in dataset.variables],
    }
    rows = ",\n".join(
        json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        for row in frame.iter_rows()
    )
    text = json.dumps(head, ensure_ascii=False, indent=1)
    return f'{text.removesuffix("}").rstrip()},\n "rows": [\n{rows}\n ]\n}}\n'


def column(dataset: Dataset, variable: Variable, frame: pl.DataFrame) -> dict:
    """What Dataset-JSON says of one variable."""
    said: dict = {
        "itemOID": f"IT.{dataset.name}.{variable.name}",
        "name": variable.name,
        "label": variable.label,
        "dataType": _TYPES[variable.type],
    }
    if _TYPES[variable.type] == "string":
        said["length"] = length(frame[variable.name])
    if variable.name in dataset.keys:
        said["keySequence"] = dataset.keys.index(variable.name) + 1
    return said


def length(values: pl.Series) -> int:
    """The longest text in characters, at least 1."""
    if values.dtype != pl.String:
        return 1
    return max(1, values.str.len_chars().max() or 1)
