"""The pages of a night say what the databases hold, and to the right people."""

from __future__ import annotations

import json
import re
import zipfile

import duckdb
import numpy as np
import polars as pl
import pytest
from openpyxl import load_workbook

from pipelines.reports import discovered

NIGHT = "2025-11-04T031500Z"


def text_of(path) -> str:
    page = re.sub(r"<style.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def closed(home):
    with duckdb.connect(str(home / "warehouse" / "closed.duckdb"), read_only=True) as con:
        yield con


def test_every_report_is_written_for_its_audiences(home):
    for name, module in discovered().items():
        for audience in ("open", "closed"):
            path = home / "reports" / NIGHT / audience / f"{name}.html"
            assert path.is_file() == (audience in module.AUDIENCES), path.name
    assert (home / "reports" / NIGHT / "index.html").is_file()


@pytest.mark.parametrize(
    ("report", "measure", "scale", "digits"),
    [
        ("knee_pain", "koos", "pain", 1),
        ("balance", "berg", "total", 1),
        ("gait_speed", "10mwt", "self_selected_speed", 2),
    ],
)
def test_the_closed_page_prints_the_adjusted_difference(
    home, closed, report, measure, scale, digits
):
    """Worked again by plain least squares on arm, baseline, clinic and condition."""
    rows = closed.execute(
        "SELECT value, baseline_value, m.arm, m.clinic_id, condition_code FROM mart_outcome AS m "
        "JOIN core_participant USING (participant_id) WHERE is_primary AND measure = ? "
        "AND scale = ? AND value IS NOT NULL AND baseline_value IS NOT NULL",
        [measure, scale],
    ).pl()
    terms = [rows[name].to_dummies().to_numpy() for name in ("clinic_id", "condition_code")]
    design = np.column_stack([rows["arm"] == "BW", rows["baseline_value"], *terms]).astype(float)
    estimate = np.linalg.lstsq(design, rows["value"].to_numpy(), rcond=None)[0][0]
    page = text_of(home / "reports" / NIGHT / "closed" / f"{report}.html")
    assert f"is {abs(estimate):.{digits}f} " in page
    assert "Closed session report" in page


def test_denominators_are_the_forms_due(home, closed):
    expected, received = closed.execute("""
        SELECT count(*), count(a.participant_id) FROM core_expected_form AS e
        LEFT JOIN (SELECT DISTINCT participant_id, visit_code FROM core_walk_test) AS a USING (participant_id, visit_code)
        WHERE e.form = 'walk_test' AND e.visit_code = 'W6'
    """).fetchall()[0]
    page = text_of(home / "reports" / NIGHT / "open" / "gait_speed.html")
    assert f"forms due at W6, {received}/{expected} " in page
    assert expected > received > 0


def test_each_page_names_cutoff_version_and_sources(home):
    for path in (home / "reports" / NIGHT).rglob("*.html"):
        page = text_of(path)
        assert "2025-11-04 03:15 UTC" in page, path.name
        assert "code 0." in page, path.name
    assert "UNVERIFIED" in text_of(home / "reports" / NIGHT / "open" / "knee_pain.html")


def test_open_pages_name_no_arm(home):
    for path in (home / "reports" / NIGHT / "open").glob("*.html"):
        assert not re.search(r"\b(BW|FW)\b", text_of(path)), path.name


@pytest.mark.parametrize("clinic", ["alder", "birke", "cedro", "deodar"])
def test_a_letter_lists_every_held_line_in_the_clinics_own_columns(home, closed, clinic):
    held = closed.execute(
        "SELECT DISTINCT d.file_name, f.table_name, f.row_no FROM ledger_finding AS f "
        "JOIN ledger_delivery AS d USING (delivery_id) "
        "WHERE f.clinic_id = ? AND f.is_open AND f.severity = 'quarantine'",
        [clinic],
    ).pl()
    folder = home / "letters" / NIGHT / clinic
    page = text_of(folder / "letter.html")
    assert f"{held.height} rows are held back" in page
    books = [load_workbook(path) for path in folder.glob("held_rows_*.xlsx")]
    rows = [row for book in books for s in book for row in s.iter_rows(min_row=3, values_only=True)]
    assert {(row[1], int(row[2])) for row in rows} == set(held.select("file_name", "row_no").rows())
    assert len(rows) == held.height > 0


def test_held_rows_are_as_sent_and_no_cell_is_a_formula(home, closed):
    sent = closed.execute("""
        SELECT q.sent, d.file_name, q.row_no FROM quarantine_row AS q JOIN ledger_delivery AS d USING (delivery_id)
        WHERE q.clinic_id = 'alder' AND q.table_name = 'koos' AND q.held_at = 'check' ORDER BY q.row_no
    """).pl()
    assert sent.height
    for text, name, line in sent.iter_rows():
        raw = (
            (home / "landing" / "alder" / name).read_bytes().decode("utf-8", "replace").splitlines()
        )
        values = [value or "" for value in json.loads(text).values()]
        if len(values) > 1:
            assert raw[line - 1] == ",".join(values)
    for path in (home / "letters").rglob("held_rows_*.xlsx"):
        with zipfile.ZipFile(path) as book:
            for name in book.namelist():
                if "worksheets" in name:
                    assert b"<f>" not in book.read(name)


def test_nothing_is_left_of_a_participant_in_open_figures(home, closed):
    ids = pl.Series(
        closed.execute("SELECT participant_id FROM core_participant").pl()["participant_id"]
    )
    for path in (home / "reports" / NIGHT).rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert not [one for one in ids if one in page], path.name


def test_the_safety_page_counts_falls_and_events_as_the_core_does(home, closed):
    page = text_of(home / "reports" / NIGHT / "closed" / "safety.html")
    falls, people, years = closed.execute(
        "SELECT sum(falls_n), count(*) FILTER (falls_n > 0), sum(person_years) FROM mart_safety"
    ).fetchone()
    events, serious = closed.execute(
        "SELECT count(*), count(*) FILTER (serious) FROM core_adverse_event"
    ).fetchone()
    assert (
        f"{falls} falls of {people} participants were reported in {years:.1f} person-years" in page
    )
    assert f"{events} adverse events of" in page
    assert f"{serious} of them serious" in page
    assert "Ratio of fall rates" in page


def test_every_form_that_is_due_is_looked_for(closed):
    assert (
        closed.execute(
            "SELECT form FROM mart_completeness GROUP BY form HAVING sum(n_received) = 0"
        ).fetchall()
        == []
    )


def test_the_digest_says_what_the_last_night_brought_on_two_sheets_at_most(home, closed):
    page = text_of(home / "reports" / NIGHT / "open" / "study_lead.html")
    files, refused, held = closed.execute("""
        SELECT count(*), count(*) FILTER (status = 'refused'), sum(n_quarantined) FROM ledger_delivery""").fetchone()
    # The one night of this study is its last, so every file that came, came in it.
    assert (
        f"The last night took in {files} files, refused {refused} and holds {held} of their rows"
        in page
    )
    printed = home / "reports" / NIGHT / "open" / "study_lead.pdf"
    if printed.is_file():
        pypdf = pytest.importorskip("pypdf")
        assert len(pypdf.PdfReader(printed).pages) <= 2
