"""What the program has, the documents name; what the documents point to exists."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from typer.main import get_command

from pipelines import errors
from pipelines.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        ROOT / "schemas" / "README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)
_LINK = re.compile(r"\]\((?!https?:|mailto:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _headings(path: Path) -> list[str]:
    without_code = re.sub(r"^```.*?^```", "", _text(path), flags=re.M | re.S)
    return re.findall(r"^#+ (.*)$", without_code, re.M)


def _anchor(heading: str) -> str:
    """The fragment that web pages of a repository give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("verb", sorted(get_command(app).commands))
def test_the_readme_has_a_line_for_each_verb(verb):
    assert re.search(rf"^\| `backstep {verb}[` ]", _text(ROOT / "README.md"), re.M)


def test_the_readme_names_no_verb_that_does_not_exist():
    named = re.findall(r"^\| `backstep (\w+)", _text(ROOT / "README.md"), re.M)

    assert set(named) == set(get_command(app).commands)


@pytest.mark.parametrize("side", ["open", "closed"])
def test_every_table_is_named_in_the_documents(study_home, side):
    with duckdb.connect(str(study_home / "warehouse" / f"{side}.duckdb"), read_only=True) as con:
        tables = {r[0] for r in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    named = set(re.findall(r"`(\w+)`", " ".join(_text(page) for page in PAGES)))

    assert tables
    assert tables - named == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    broken = []
    for link in _LINK.finditer(_text(page)):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        found = target.exists()
        if found and link["anchor"]:
            found = link["anchor"] in map(_anchor, _headings(target))
        if not found:
            broken.append(link[0])

    assert broken == []


def test_the_runbook_has_every_section_that_triage_notes_name():
    notes = " ".join(" ".join(_text(path) for path in (ROOT / "dags").glob("*.py")).split())
    named = set(re.findall(r'[Rr]unbook, "([^"]+)"', notes))

    assert named
    assert named - set(_headings(RUNBOOK)) == set()


def test_the_runbook_has_every_exit_code():
    raised = {
        fault.exit_code
        for fault in vars(errors).values()
        if isinstance(fault, type) and issubclass(fault, errors.BackstepError)
    }
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", _text(RUNBOOK), re.M)}

    assert raised - listed == set()


def test_the_runbook_has_every_setting():
    read = set(re.findall(r'"(BACKSTEP_\w+)"', _text(ROOT / "pipelines" / "settings.py")))
    listed = set(re.findall(r"`(BACKSTEP_\w+)`", _text(RUNBOOK)))

    assert read
    assert read - listed == set()


def test_each_decision_is_in_the_index_and_says_context_decision_and_consequence():
    folder = ROOT / "docs" / "decisions"
    index = _text(folder / "README.md")

    for path in sorted(folder.glob("[0-9]*.md")):
        text = _text(path)
        assert f"[{text.splitlines()[0].removeprefix('# ')}]({path.name})" in index
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequence")), (
            path.name
        )
