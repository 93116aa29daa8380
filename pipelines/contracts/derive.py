"""Every generated file from the contract; `drift` names those that no longer agree."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.contracts.across import across_rules
from pipelines.contracts.dictionary import dictionary, sending_guide
from pipelines.contracts.expectations import suite
from pipelines.contracts.model import Contract
from pipelines.contracts.open_views import SHARED, open_select, shared_select
from pipelines.contracts.rule_list import LINE_TABLE, rules_of
from pipelines.contracts.tables import create_table

_FOLDERS = ("schemas/expectations", "sql/ddl", "sql/open", "docs/sending")


def generated(contract: Contract) -> dict[str, str]:
    """Path below the repository -> content."""
    out = {"schemas/DICTIONARY.md": dictionary(contract)}
    for table in [*contract.tables, LINE_TABLE]:
        out[f"schemas/expectations/{table}.json"] = _json(suite(table, rules_of(contract, table)))
    for table, declared in contract.tables.items():
        out[f"schemas/expectations/across_{table}.json"] = _json(
            suite(f"across_{table}", across_rules(contract, table))
        )
        if declared.answers is None:
            out[f"sql/ddl/core_{table}.sql"] = create_table(contract, table)
            out[f"sql/open/core_{table}.sql"] = open_select(contract, table)
    for name in SHARED:
        out[f"sql/open/{name}.sql"] = shared_select(name)
    for clinic in contract.clinics.values():
        out[f"docs/sending/{clinic.clinic_id}.md"] = sending_guide(contract, clinic)
    return out


def write(contract: Contract, root: Path) -> list[str]:
    """Writes what differs and removes what is no longer generated; the paths touched."""
    wanted = generated(contract)
    touched = drift(contract, root)
    for name in touched:
        path = root / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return touched


def drift(contract: Contract, root: Path) -> list[str]:
    """Generated files that differ, are missing, or should not be there."""
    wanted = generated(contract)
    present = {
        str(path.relative_to(root))
        for folder in _FOLDERS
        for path in (root / folder).glob("*")
        if path.is_file()
    }
    changed = [
        name
        for name, text in wanted.items()
        if not (root / name).is_file() or (root / name).read_bytes() != text.encode()
    ]
    return sorted({*changed, *(present - set(wanted))})


def _json(value: dict) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
