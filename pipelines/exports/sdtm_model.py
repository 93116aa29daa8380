"""Datasets, variables and code lists of the SDTM export, as `sdtm_variables.yaml` and `sdtm_terms.yaml` declare them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.contracts.model import Contract


@dataclass(frozen=True)
class Variable:
    """One variable of one dataset."""

    name: str
    label: str
    type: str  # Define-XML's DataType
    role: str
    core: str  # Req, Exp or Perm
    origin: str
    codelist: str | None = None
    method: str | None = None
    comment: str | None = None
    closed: bool = False  # only a closed export has data
    source: str = ""  # column of the SELECT


@dataclass(frozen=True)
class Dataset:
    """One SDTM dataset."""

    name: str
    label: str
    observation_class: str
    structure: str
    keys: tuple[str, ...]
    variables: tuple[Variable, ...]

    @property
    def is_finding(self) -> bool:
        return self.observation_class == "FINDINGS"


@dataclass(frozen=True)
class Term:
    value: str
    meaning: str
    nci: str | None = None
    is_ours: bool = False


@dataclass(frozen=True)
class CodeList:
    """One list of terms; `nci` names CDISC's list, where it is one."""

    oid: str
    name: str
    terms: tuple[Term, ...]
    nci: str | None = None


@cache
def _read(name: str) -> dict[str, Any]:
    path = Path(__file__).with_name(name)
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def terms() -> dict[str, Any]:
    """The file of terms as it stands: words, instruments, tests."""
    return _read("sdtm_terms.yaml")


@cache
def datasets() -> tuple[Dataset, ...]:
    """The datasets in the order of their declaration."""
    return tuple(_dataset(name, body) for name, body in _read("sdtm_variables.yaml").items())


def _dataset(name: str, body: dict[str, Any]) -> Dataset:
    declared = dict(body["variables"])
    for added, parts in body.get("more", {}).items():
        after = parts[-1]["after"]
        declared = {
            key: value
            for old, was in declared.items()
            for key, value in ((old, was), *(((added, parts),) if old == after else ()))
        }
    labels = body.get("labels", {})
    variables = tuple(_variable(name, key, parts, labels) for key, parts in declared.items())
    return Dataset(
        name, body["label"], body["class"], body["structure"], tuple(body["keys"]), variables
    )


def _variable(dataset: str, key: str, parts: list, labels: dict[str, str]) -> Variable:
    options = dict(parts[5]) if len(parts) > 5 else {}
    options.pop("after", None)
    if options.get("codelist"):
        options["codelist"] = options["codelist"].replace("--", dataset)
    name, source = key.replace("--", dataset), key.removeprefix("--")
    return Variable(name, labels.get(name, parts[0]), *parts[1:5], **options, source=source)


def items(contract: Contract) -> list[tuple]:
    """(measure, item, item_order, domain, testcd, test, cat, unit) of every item of every declared instrument."""
    rows = []
    for measure, said in terms()["instruments"].items():
        table = contract.tables[measure]
        names = (
            [f for f in table.fields if f.startswith(table.answers.items)] if table.answers else []
        )
        for order, name in enumerate(names, start=1):
            item = name.removeprefix(table.answers.items)
            code = said.get("codes", {}).get(item, item.upper())
            rows.append((
                measure, item, order, said["domain"], said["testcd"].format(code), said["test"].format(code),
                said["cat"], said.get("units", {}).get(item, said["unit"]),
            ))  # fmt: skip
    return rows


def functional_tests() -> list[tuple]:
    """(test_code, test_order, testcd, test, cat, found, unit, only_if_given) of every timed test."""
    found = []
    for code, results in terms()["functional_tests"].items():
        for order, r in enumerate(results, start=1):
            found.append((
                code, order, r["testcd"], r["test"], r["cat"], r["found"], r["unit"], r.get("only_if_given", False),
            ))  # fmt: skip
    return found


def muscle_tests() -> list[tuple]:
    """(muscle_code, found, testcd, test, loc, unit) of every number that an isometric trial may have."""
    units = terms()["muscle_units"]
    return [
        (muscle, found, *said[found], said["loc"], unit)
        for muscle, said in terms()["muscle_tests"].items()
        for found, unit in units.items()
    ]


def lab_tests() -> list[tuple]:
    """(scale, testcd, test, way, unit, test_order) of every scale of knee load."""
    return [
        (f"{number}_{way}", testcd, test, code, unit, order)
        for order, (number, (testcd, test, unit)) in enumerate(
            terms()["lab_tests"].items(), start=1
        )
        for way, code in terms()["lab_ways"].items()
    ]


_MORE_TESTS = {
    "MK": {
        "LEVERARM": "Lever Arm of the Force",
        "JOINTANG": "Joint Angle Held",
        "GIRTH": "Circumference",
        "LABSPEED": "Walking Speed in the Gait Laboratory",
    }
}


def known_tests(contract: Contract, domain: str) -> dict[str, str]:
    """Short name -> name of every test of a findings domain."""
    found = {row[4]: row[5] for row in items(contract) if row[3] == domain}
    if domain == "FT":
        found |= {row[2]: row[3] for row in functional_tests()}
    if domain == "MK":
        found |= {row[2]: row[3] for row in muscle_tests()}
        found |= {row[1]: row[2] for row in lab_tests()}
    return found | _MORE_TESTS.get(domain, {})


def codelists(contract: Contract, blinded: bool) -> dict[str, CodeList]:
    """Every code list by its name in the variables; a blinded export does not name the arms."""
    found = {}
    for name, body in terms()["codelists"].items():
        hidden = set(body.get("closed_terms", ())) if blinded else set()
        listed = tuple(
            Term(value, parts[1], parts[0], len(parts) > 2)
            for value, parts in body["terms"].items()
            if value not in hidden
        )
        found[name] = CodeList(f"CL.{name}", body["name"], listed, body.get("nci"))
    for domain in ("QS", "FT", "MK"):
        known = terms()["test_lists"].get(f"{domain}TESTCD", {})
        tests, cdisc = known_tests(contract, domain), known.get("of", {})
        for part, name in (("TESTCD", "short names"), ("TEST", "names")):
            listed = tuple(
                Term(
                    *((code, test) if part == "TESTCD" else (test, test)),
                    cdisc.get(code),
                    code not in cdisc,
                )
                for code, test in tests.items()
            )
            nci = known.get("nci") if part == "TESTCD" else None
            found[f"{domain}{part}"] = CodeList(
                f"CL.{domain}{part}", f"{domain} tests, {name}", listed, nci
            )
    return found
