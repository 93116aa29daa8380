"""File names that a clinic's pattern accepts: the pattern read backward."""

from __future__ import annotations

import datetime as dt
import re

from pipelines.contracts.model import Clinic
from pipelines.errors import ContractError

_INSIDE = r"(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*"  # of a group, with groups in it one deep
_OPTIONAL = re.compile(rf"\(\?:({_INSIDE})\)\?")
_NAMED = re.compile(rf"\(\?P<(\w+)>{_INSIDE}\)")
_DIGITS = re.compile(r"(?:\\d|\[0-9\])(?:\{(\d+)\}|\+)?")


def file_name(
    clinic: Clinic,
    file_kind: str,
    sent_date: dt.date,
    batch: str | None = None,
    revision: int = 0,
    participant_id: str | None = None,
    **more: str,
) -> str:
    """A name of this file kind; digits outside a named group number a day's files: `revision` + 1.

    Raises ContractError where the pattern needs what was not given, or cannot be read backward.
    """
    pattern = clinic.files[file_kind].name
    values = {
        "sent": f"{sent_date:%Y%m%d}",
        "batch": batch,
        "revision": str(revision) if revision else None,
        "participant": participant_id,
        **more,
    }

    def optional(found: re.Match[str]) -> str:
        names = _NAMED.findall(found[1])
        return found[1] if names and all(values.get(name) for name in names) else ""

    def digits(found: re.Match[str]) -> str:
        return str(revision + 1).zfill(int(found[1] or 1))

    parts = []
    rest = _OPTIONAL.sub(optional, pattern)
    at = 0
    for found in _NAMED.finditer(rest):
        value = values.get(found[1])
        if value is None:
            raise _unnamed(clinic, file_kind, f"the name needs a `{found[1]}`")
        parts += [_plain(_DIGITS.sub(digits, rest[at : found.start()])), value]
        at = found.end()
    name = "".join([*parts, _plain(_DIGITS.sub(digits, rest[at:]))])
    again = re.fullmatch(pattern, name)
    if again is None or any(again[group] != values.get(group) for group in again.groupdict()):
        raise _unnamed(clinic, file_kind, "no file name can be made from its pattern")
    return name


def _plain(pattern: str) -> str:
    return re.sub(r"\\(.)", r"\1", pattern)


def _unnamed(clinic: Clinic, file_kind: str, why: str) -> ContractError:
    return ContractError(
        why,
        where=f"{clinic.clinic_id}.yaml, files.{file_kind}.name",
        remedy="give the value, or write the pattern with plain text, named groups and digits",
    )
