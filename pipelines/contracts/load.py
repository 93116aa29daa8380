"""`schemas/` read into one Contract; every fault names file, line and remedy."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl
from pydantic import BaseModel, ValidationError

from pipelines import __version__
from pipelines.contracts import series
from pipelines.contracts.canary import with_canaries
from pipelines.contracts.model import (
    Clinic,
    Contract,
    Correction,
    FieldDef,
    Study,
    Table,
)
from pipelines.contracts.references import check_references
from pipelines.contracts.yaml_lines import Lines, line_of, load
from pipelines.errors import BackstepError, ContractError, StudyFileError

Model = TypeVar("Model", bound=BaseModel)
_TOOLS = (duckdb.__version__, pl.__version__)  # their hashes tell changed rows from repeated ones


def load_contract(schemas: Path) -> Contract:
    """The whole contract, cross-checked; read again only where a file of it differs.

    Raises ContractError or StudyFileError.
    """
    return _loaded(schemas, _files_of(schemas))


def load_intake(schemas: Path) -> Contract:
    """The contract that files are taken in by: the study's, and the reserved clinic of the canaries."""
    return _intake(schemas, _files_of(schemas))


def _files_of(schemas: Path) -> tuple[tuple[Path, bytes], ...]:
    files = sorted(schemas.rglob("*.yaml"))
    return tuple((path, sha256(path.read_bytes()).digest()) for path in files)


@lru_cache(maxsize=4)
def _intake(schemas: Path, files: tuple[tuple[Path, bytes], ...]) -> Contract:
    return with_canaries(_loaded(schemas, files))


@lru_cache(maxsize=4)  # every step of a night asks for it, and it takes a third of a second
def _loaded(schemas: Path, _files: tuple[tuple[Path, bytes], ...]) -> Contract:
    raw_fields, field_lines = _mapping(schemas / "fields.yaml")
    fields = {
        name: _parse(FieldDef, body, schemas / "fields.yaml", field_lines, (template,))
        for template, body in raw_fields.items()
        for name, body in series.expand_field(template, body)
    }
    codes = _codes(schemas / "codes.yaml")
    study = _file(Study, schemas / "study.yaml", StudyFileError)
    raw_corrections, lines = _mapping(schemas / "corrections.yaml")
    corrections = tuple(
        _parse(
            Correction,
            entry,
            schemas / "corrections.yaml",
            lines,
            ("corrections", n),
            StudyFileError,
        )
        for n, entry in enumerate(raw_corrections.get("corrections") or [])
    )
    tables = {
        path.stem: _file(Table, path, edit=lambda body: series.expand_table(body, fields))
        for path in sorted((schemas / "tables").glob("*.yaml"))
    }
    clinics = {
        path.stem: _file(
            Clinic,
            path,
            edit=lambda body, name=path.stem: series.expand_clinic(
                {"clinic_id": name, **body}, fields
            ),
        )
        for path in sorted((schemas / "clinics").glob("*.yaml"))
    }
    shared = _digest(
        [schemas / name for name in ("fields.yaml", "codes.yaml")]
        + sorted((schemas / "tables").glob("*.yaml"))
    )
    contract = Contract(
        fields=fields,
        codes=codes,
        tables=tables,
        clinics=clinics,
        study=study,
        corrections=corrections,
        clinic_digests={
            name: _digest([schemas / "clinics" / f"{name}.yaml"], shared) for name in clinics
        },
        digest=_digest(sorted(schemas.rglob("*.yaml"))),
    )
    check_references(contract, schemas)
    return contract


def _codes(path: Path) -> dict[str, dict[str, str]]:
    body, lines = _mapping(path)
    for name, codes in body.items():
        if not isinstance(codes, dict) or not codes or None in codes:
            raise ContractError(
                f"{name}: a code list is `code: meaning` lines",
                where=f"{path.name}:{line_of(lines, (name,))}",
                remedy="give each code its meaning; quote a code that is a number or `null`",
            )
    return {name: {str(k): str(v) for k, v in codes.items()} for name, codes in body.items()}


def _file(
    model: type[Model],
    path: Path,
    error: type[BackstepError] = ContractError,
    edit: Any = None,
) -> Model:
    body, lines = _mapping(path, error)
    if edit is not None:
        body = edit(body)
    return _parse(model, body, path, lines, (), error)


def _mapping(path: Path, error: type[BackstepError] = ContractError) -> tuple[dict, Lines]:
    if not path.is_file():
        raise error(
            f"{path.name} is missing",
            where=str(path.parent.name),
            remedy="add the file",
        )
    body, lines = load(path)
    if not isinstance(body, dict):
        raise error(
            "a mapping is expected at the top",
            where=f"{path.name}:1",
            remedy="write `key: value` lines",
        )
    return body, lines


def _parse(
    model: type[Model],
    body: Any,
    path: Path,
    lines: Lines,
    at: tuple[str | int, ...],
    error: type[BackstepError] = ContractError,
) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        loc = tuple(part for part in first["loc"] if part != "__root__")
        known = ", ".join(sorted(model.model_fields)) if first["type"] == "extra_forbidden" else ""
        raise error(
            f"{'.'.join(map(str, (*at, *loc)))}: {_plain(first)}",
            where=f"{path.name}:{line_of(lines, (*at, *loc))}",
            remedy=f"known keys here are: {known}"
            if known and len(loc) == 1
            else "see schemas/README.md and a neighbouring entry for the form it takes",
        ) from None


def _plain(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "this key is not known here"
    return str(fault["msg"]).removeprefix("Value error, ")


def _digest(paths: list[Path], *more: str) -> str:
    total = sha256("|".join([__version__, *_TOOLS, *more]).encode())
    for path in paths:
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]
