"""New codes for participants and clinics: drawn at random, kept in a list that stays with the study."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from pipelines import files

_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that look alike
_SCHEMA = {"kind": pl.String, "id": pl.String, "code": pl.String}


def drawn() -> str:
    """Eight letters and digits that follow from nothing."""
    return "".join(secrets.choice(_LETTERS) for _ in range(8))


def codes_for(
    path: Path, kind: str, ids: Iterable[str], draw: Callable[[], str] = drawn
) -> dict[str, str]:
    """Id -> code. Ids that have one keep it; others get one, and the list is written before it is used.

    A code is drawn, not computed: without the list nobody can go back to the id, with a key or without.
    Assumes the caller holds the study's lock.
    """
    known = pl.read_csv(path, schema=_SCHEMA) if path.is_file() else pl.DataFrame(schema=_SCHEMA)
    codes = dict(known.filter(pl.col("kind") == kind).select("id", "code").iter_rows())
    taken, added = set(known["code"]), []
    for name in sorted(set(ids) - set(codes)):
        code = draw()
        while code in taken:
            code = draw()
        taken.add(code)
        codes[name] = code
        added.append((kind, name, code))
    if added:
        text = pl.concat([known, pl.DataFrame(added, schema=_SCHEMA, orient="row")]).write_csv()
        files.private(path.parent)
        files.write_bytes_atomic(path, text.encode())
        path.chmod(0o600)
    return {name: codes[name] for name in ids}
