"""Promises about the repository itself: what has its tests, how big a file may be, what may be imported where."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines import devices, forms, measures, reports
from pipelines.__main__ import app
from pipelines.contracts.load import load_contract

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = load_contract(ROOT / "schemas")
CODE = sorted(
    path for folder in ("pipelines", "dags", "tools") for path in (ROOT / folder).rglob("*.py")
)
# Written in pieces, so that the patterns do not find themselves.
MACHINE_PATH = re.compile(
    r"(?:^|[^\w.-])/(?:wor" + r"k|tm" + r"p|roo" + r"t|hom" + r"e/[a-z]+|Use" + r"rs/\w+)/"
)
REGISTRY = re.compile(
    r"pypi\.or" + r"g|pythonhoste" + r"d\.org|npmj" + r"s\.org|anacond" + r"a\.org"
)
DAGS_MAY_USE = ("pipelines.stages", "pipelines.settings", "pipelines.errors")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts(*folders: str) -> str:
    return "\n".join(
        path.read_text(encoding="utf-8")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".yaml")
    )


def tracked() -> list[Path]:
    """The files git knows; a source archive has no git, and then this is not to be asked."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


# --- everything that can be added has what belongs to it


@pytest.mark.parametrize("table", CONTRACT.tables)
def test_a_table_has_its_ddl_open_view_and_suites(table: str) -> None:
    for name in (table, f"across_{table}"):
        assert (ROOT / "schemas" / "expectations" / f"{name}.json").is_file()
    stored = CONTRACT.tables[table].answers is None  # forms become core_answer
    assert (ROOT / "sql" / "ddl" / f"core_{table}.sql").is_file() == stored
    assert (ROOT / "sql" / "open" / f"core_{table}.sql").is_file() == stored


@pytest.mark.parametrize(
    "module", measures.discovered().values(), ids=lambda module: module.MEASURE.name
)
def test_a_measure_has_worked_cases(module) -> None:
    cases = ROOT / "tests" / "measures" / f"{module.__name__.rpartition('.')[2]}.yaml"

    assert yaml.safe_load(cases.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "mart", sorted((ROOT / "sql" / "marts").glob("*.sql")), ids=lambda path: path.stem
)
def test_a_mart_has_a_case_and_says_what_a_row_is(mart: Path) -> None:
    assert list((ROOT / "tests" / "sql" / mart.stem).glob("*.yaml"))
    assert mart.read_text(encoding="utf-8").startswith(f"-- {mart.stem}: one ")


@pytest.mark.parametrize("name", [form.name for form in devices.formats()])
def test_a_device_format_has_its_test_file_and_its_fixture_maker(name: str) -> None:
    assert (ROOT / "tests" / "devices" / f"test_{name}.py").is_file()


@pytest.mark.parametrize(
    "reader",
    sorted({reader.__module__ for reader in forms._READERS.values()} | {"pipelines.forms.redcap"}),
)
def test_a_form_reader_has_its_test_file(reader: str) -> None:
    assert (ROOT / "tests" / "forms" / f"test_{reader.rpartition('.')[2]}.py").is_file()


@pytest.mark.parametrize("name", reports.discovered())
def test_a_report_is_rendered_by_a_test(name: str) -> None:
    of_reports = texts("tests/reports")

    assert re.search(rf"\b{name}\b", of_reports) or "discovered()" in of_reports


@pytest.mark.parametrize("clinic", CONTRACT.clinics)
def test_a_clinic_has_its_sending_guide(clinic: str) -> None:
    assert (ROOT / "docs" / "sending" / f"{clinic}.md").is_file()


@pytest.mark.parametrize(
    "verb", [command.name or command.callback.__name__ for command in app.registered_commands]
)
def test_a_verb_of_the_command_line_is_documented(verb: str) -> None:
    docs = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]

    assert any(f"backstep {verb}" in path.read_text(encoding="utf-8") for path in docs)


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in CODE}

    assert [
        named(p) for p, tree in trees.items() if tree.body and not ast.get_docstring(tree)
    ] == []


# --- sizes


def test_no_module_is_longer_than_300_lines_and_no_sql_than_200() -> None:
    sql = sorted((ROOT / "sql").rglob("*.sql"))
    long = [named(p) for p in CODE if len(p.read_text(encoding="utf-8").splitlines()) > 300]
    long += [named(p) for p in sql if len(p.read_text(encoding="utf-8").splitlines()) > 200]

    assert long == []


@pytest.mark.parametrize("word", ["utils", "util", "helpers", "helper", "misc", "common"])
def test_no_module_is_a_drawer_for_odds_and_ends(word: str) -> None:
    assert not [named(p) for p in CODE if word in p.stem.split("_")]


# --- who may use what


def imports(path: Path, *, at_top: bool = False) -> Iterator[str]:
    """Names of imported modules; `at_top`: only those met when the module itself is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node) for function in ast.walk(tree) if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }  # fmt: skip
    typing_only = {
        id(node) for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test) for node in ast.walk(block)
    }  # fmt: skip
    for node in ast.walk(tree):
        if at_top and id(node) in inside | typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def users_of(package: str, *, at_top: bool = False) -> set[str]:
    return {
        named(path) for path in CODE
        if any(name == package or name.startswith(f"{package}.") for name in imports(path, at_top=at_top))
    }  # fmt: skip


def test_airflow_stays_in_dags_and_tools() -> None:
    users = users_of("airflow")

    assert users
    assert all(name.startswith(("dags/", "tools/")) for name in users)


def test_great_expectations_and_pandas_stay_inside_functions_of_check() -> None:
    users = users_of("great_expectations") | users_of("pandas")

    assert users
    assert all(name.startswith("pipelines/check/") for name in users)
    assert users_of("great_expectations", at_top=True) | users_of("pandas", at_top=True) == set()


def test_dags_import_of_the_pipeline_its_stages_only() -> None:
    for path in (p for p in CODE if named(p).startswith("dags/")):
        for name in imports(path):
            assert not name.startswith("pipelines.") or name in DAGS_MAY_USE, (named(path), name)


def test_only_settings_read_the_environment() -> None:
    found = []
    for path in CODE:
        if named(path) == "pipelines/settings.py" or named(path).startswith("tools/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said = ast.unparse(node) if isinstance(node, ast.Attribute | ast.ImportFrom) else ""
            if re.match(r"os\.(environb?|getenvb?)$|from os import .*\b(environ|getenv)", said):
                found.append(f"{named(path)}:{node.lineno}")

    assert found == []


def test_nothing_below_the_stages_reads_a_clock() -> None:
    """The cut-off is an argument. Reading a clock is for those who begin a night or look at one."""
    found = []
    for path in (p for p in CODE if named(p).startswith("pipelines/")):
        if path.name in ("stages.py", "overview.py", "__main__.py"):
            continue
        if named(path).startswith("pipelines/cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if re.match(r"(dt|datetime|date)\b.*\.(now|utcnow|today)$|time\.time(_ns)?$", call):
                found.append(f"{named(path)}:{node.lineno} {call}")

    assert found == []


# --- what must not be in a tracked file


@pytest.mark.parametrize(
    "pattern", [MACHINE_PATH, REGISTRY], ids=["a machine's path", "a package registry"]
)
def test_no_tracked_file_names(pattern: re.Pattern) -> None:
    found = []
    for path in tracked():
        if path.name == "requirements.lock" or named(path) in (
            ".ci/run",
            "tests/architecture/test_shape.py",
        ):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{named(path)}: {line.strip()[:80]}"
            for line in text.splitlines()
            if pattern.search(line)
        ]

    assert found == []


def test_the_lock_holds_versions_and_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")

    assert not re.search(r"https?://|--index|--extra-index|--find-links", text)
