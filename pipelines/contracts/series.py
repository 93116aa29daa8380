"""`koos_{}` written once stands for every numbered item: fields, table lists and clinics' columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pipelines.contracts.model import FieldDef


def expand_field(template: str, body: Any) -> Iterator[tuple[str, Any]]:
    """(field name, its body) for each item, or the field itself."""
    if "{}" not in template or not isinstance(body, dict):
        yield template, body
        return
    for item in body.get("items") or []:
        one = {key: value for key, value in body.items() if key != "items"}
        one["description"] = str(one.get("description", "")).replace("{}", str(item))
        yield template.replace("{}", str(item)), one


def expand_table(body: dict, fields: dict[str, FieldDef]) -> dict:
    """A table whose field lists name every item."""
    lists = {part: body.get(part) for part in ("required", "optional")}
    return {
        **body,
        **{
            part: [name for entry in entries for name in _matching(entry, fields)]
            for part, entries in lists.items()
            if isinstance(entries, list)
        },
    }


def expand_clinic(body: dict, fields: dict[str, FieldDef]) -> dict:
    """A clinic whose column maps name every column; `P{}: koos_p{}` gives P1, P2, ..."""
    if not isinstance(body.get("files"), dict):
        return body
    files = {}
    for kind, file in body["files"].items():
        tables = file.get("tables") if isinstance(file, dict) else None
        if isinstance(tables, dict):
            file = {
                **file,
                "tables": {t: _expand_map(m, fields) for t, m in tables.items()},
            }
        files[kind] = file
    return {**body, "files": files}


def _expand_map(table_map: Any, fields: dict[str, FieldDef]) -> Any:
    if not isinstance(table_map, dict) or not isinstance(table_map.get("columns"), dict):
        return table_map
    columns: dict[str, Any] = {}
    for column, meaning in table_map["columns"].items():
        template = meaning.get("field", "") if isinstance(meaning, dict) else meaning
        if "{}" not in str(column) or "{}" not in str(template):
            columns[column] = meaning
            continue
        names = _matching(template, fields)
        if names == [template]:
            columns[column] = meaning
            continue
        for name in names:
            item = re.fullmatch(_regex(template), name)[1]
            one = {**meaning, "field": name} if isinstance(meaning, dict) else name
            columns[column.replace("{}", item)] = one
    return {**table_map, "columns": columns}


def _matching(template: Any, fields: dict[str, FieldDef]) -> list[Any]:
    """The fields a template stands for; itself where there are none, so that its own line is named at fault."""
    if not isinstance(template, str) or template.count("{}") != 1:
        return [template]
    pattern = re.compile(_regex(template))
    return [name for name in fields if pattern.fullmatch(name)] or [template]


def _regex(template: str) -> str:
    # A template that ends in a letter (koos_s{}) must not swallow koos_sp1: items after it are digits.
    head, tail = template.split("{}")
    item = r"(\d+)" if not head.endswith("_") else r"(\w+)"
    return re.escape(head) + item + re.escape(tail)
