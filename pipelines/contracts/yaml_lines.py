"""YAML with the line of every key kept, so that an error can say where it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import ContractError

Lines = dict[tuple[str | int, ...], int]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Plain scalars as YAML 1.2 sees them: `Yes`, `on` and dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in resolvers if tag.endswith((":null", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def load(path: Path) -> tuple[Any, Lines]:
    """The document, and the 1-based line of each key by its path. Refuses duplicate keys."""
    try:
        with path.open(encoding="utf-8") as stream:
            loader = _Loader(stream)
            node = loader.get_single_node()
            lines: Lines = {}
            if node is None:
                return {}, lines
            _walk(node, (), lines, path)
            return loader.construct_document(node), lines
    except UnicodeDecodeError:
        raise ContractError(
            "this file is not UTF-8 text", where=path.name, remedy="save it as UTF-8"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ContractError(
            f"this file is not YAML: {getattr(error, 'problem', error)}",
            where=f"{path.name}:{mark.line + 1}" if mark else path.name,
            remedy="mend the indentation or quoting at that line",
        ) from None


def _walk(node: yaml.Node, at: tuple[str | int, ...], lines: Lines, path: Path) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ContractError(
                    f"`{key.value}` stands twice",
                    where=f"{path.name}:{key.start_mark.line + 1}",
                    remedy="keep one of the two entries",
                )
            seen.add(key.value)
            lines[(*at, key.value)] = key.start_mark.line + 1
            _walk(value, (*at, key.value), lines, path)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*at, index), lines, path)


def line_of(lines: Lines, at: Sequence[str | int]) -> int:
    """The line of the nearest key above a place in the document."""
    place = tuple(at)
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)
