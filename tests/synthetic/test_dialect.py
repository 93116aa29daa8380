"""What is written in a clinic's dialect is what its contract says, and reads back as it was."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import zipfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.contracts.load import load_contract
from pipelines.contracts.model import Clinic, Contract
from pipelines.contracts.shapes import Delivery, Layout
from pipelines.errors import ContractError
from pipelines.forms import read_table
from pipelines.standardise.delivery import standardise
from pipelines.synthetic import dialect
from pipelines.synthetic.truth import Trial, make_trial

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
CONTRACT = load_contract(SCHEMAS)
KINDS = [(name, kind) for name, clinic in CONTRACT.clinics.items() for kind in clinic.files]
FORMS = [(n, k) for n, k in KINDS if CONTRACT.clinics[n].files[k].format != "device"]
SENT = dt.date(2025, 11, 3)
SAID = {"sent_by": "Frau Weiß", "reason": "Größe berichtigt", "console": "7", "firmware": "2.1"}
NASTY = 'Said "once more";\nthen, tired, stopped\tat 3 m'
EIGHT_UTC = dt.datetime(2025, 7, 1, 8, 0)


@pytest.fixture(scope="session")
def trial(contract: Contract) -> Trial:
    """A trial with a therapist's note in it that no careless writer survives."""
    made = make_trial(contract, participants=60, seed=7, as_of=dt.date(2026, 1, 31))
    noted = made.records["session"].with_columns(
        session_note=pl.when(pl.col("_uid") % 5 == 0).then(pl.lit(NASTY)).otherwise("session_note")
    )
    return dataclasses.replace(made, records={**made.records, "session": noted})


def _of(trial: Trial, clinic_id: str) -> dict[str, pl.DataFrame]:
    return {t: f.filter(pl.col("clinic_id") == clinic_id) for t, f in trial.records.items()}


def _write(
    contract: Contract, clinic_id: str, kind: str, records: dict[str, pl.DataFrame], folder: Path
) -> tuple[tuple[dialect.Sheet, ...], dialect.Written]:
    sheets = dialect.render(contract, clinic_id, kind, records)
    written = dialect.write(
        contract, clinic_id, kind, sheets, folder,
        sent_date=SENT, batch="2025W44", preamble=SAID,
    )  # fmt: skip
    return sheets, written


def _session(contract: Contract, clinic_id: str, kind: str, **values: object) -> dict[str, str]:
    """The cells of one session, by the field they carry."""
    table_map = contract.clinics[clinic_id].files[kind].tables["session"]
    frame = pl.DataFrame([values])
    (sheet,) = dialect.render(contract, clinic_id, kind, {"session": frame})
    row = sheet.cells.row(0, named=True)
    return {
        m.field or m.time_of or m.local_of: row[column] for column, m in table_map.columns.items()
    }


# --- names


@pytest.mark.parametrize(("clinic_id", "kind"), KINDS)
@pytest.mark.parametrize("revision", [0, 3])
def test_file_name_fits_its_pattern(
    contract: Contract, clinic_id: str, kind: str, revision: int
) -> None:
    clinic = contract.clinics[clinic_id]
    person = f"{clinic.prefix}-001-4"

    of_labs = {"assessed": "20250401", "trial": "2", "side": "left"}
    name = dialect.file_name(clinic, kind, SENT, "2025W44", revision, person, **of_labs)

    said = re.fullmatch(clinic.files[kind].name, name).groupdict()
    expected = {"sent": "20251103", "batch": "2025W44", "participant": person} | of_labs
    expected["revision"] = str(revision) if revision else None
    assert said == {group: expected[group] for group in said}


@pytest.mark.parametrize(
    ("clinic_id", "kind", "given", "name"),
    [
        ("alder", "sessions", {}, "sessions_20251103.csv"),
        ("birke", "sessions", {"batch": "2025W44"}, "sitzungen_2025W44_20251103.csv"),
        (
            "birke", "sessions", {"batch": "2025W44", "revision": 2},
            "sitzungen_2025W44_20251103_rev2.csv",
        ),
        ("cedro", "redcap", {}, "cedro_redcap_20251103.csv"),
        ("deodar", "safety", {}, "Backstep_Safety_20251103.xlsx"),
        ("deodar", "watch", {"participant_id": "04-001-4"}, "04-001-4_20251103_1.fit"),
        (
            "deodar", "watch", {"participant_id": "04-001-4", "revision": 1},
            "04-001-4_20251103_2.fit",
        ),
    ],
)  # fmt: skip
def test_file_name(contract: Contract, clinic_id: str, kind: str, given: dict, name: str) -> None:
    assert dialect.file_name(contract.clinics[clinic_id], kind, SENT, **given) == name


def test_file_name_without_its_batch_is_refused(contract: Contract) -> None:
    with pytest.raises(ContractError, match="needs a `batch`"):
        dialect.file_name(contract.clinics["birke"], "koos", SENT)


# --- one value in each dialect, by hand


@pytest.mark.parametrize(
    ("clinic_id", "kind", "expected"),
    [
        # 08:00 UTC on 1 July: New York -4 h, Berlin +2 h, Sao Paulo -3 h, Kolkata +5.5 h.
        # 399.8976 m / 0.3048 = 1312 ft; 1.1176 m/s = 2.5 mph = 4.02336 km/h = 67.056 m/min.
        ("alder", "sessions", {
            "scheduled_date": "07/01/2025", "start_utc": "4:00 AM",
            "entered_utc": "07/01/2025 4:00 AM", "actual_dist_m": "1312",
            "treadmill_speed_mps": "2.5", "grade_pct": "1.5", "attended": "Yes",
            "direction_code": "Backward", "hr_rest_bpm": "61.5",
        }),
        ("birke", "sessions", {
            "scheduled_date": "01.07.2025", "start_utc": "10:00", "entered_utc": "01.07.2025 10:00",
            "actual_dist_m": "399,8976", "treadmill_speed_mps": "4,0234", "grade_pct": "1,5",
            "attended": "Ja", "direction_code": "rückwärts", "hr_rest_bpm": "61,5",
        }),
        ("cedro", "redcap", {
            "scheduled_date": "2025-07-01", "start_utc": "05:00", "entered_utc": "2025-07-01 05:00",
            "actual_dist_m": "399.8976", "treadmill_speed_mps": "67.056", "grade_pct": "0.015",
            "attended": "1", "direction_code": "2", "hr_rest_bpm": "61.5",
        }),
        ("deodar", "sessions", {
            "scheduled_date": "2025-07-01", "start_utc": "2025-07-01T13:30:00",
            "entered_utc": "2025-07-01T13:30:00", "actual_dist_m": "399.8976",
            "treadmill_speed_mps": "4.0234", "grade_pct": "1.5", "attended": "Y",
            "direction_code": "Backward", "hr_rest_bpm": "61.5",
        }),
    ],
)  # fmt: skip
def test_session_in_each_dialect(
    contract: Contract, clinic_id: str, kind: str, expected: dict[str, str]
) -> None:
    cells = _session(
        contract, clinic_id, kind, _uid=1, participant_id="xx", scheduled_date=dt.date(2025, 7, 1),
        start_utc=EIGHT_UTC, entered_utc=EIGHT_UTC, actual_dist_m=399.8976, attended=True,
        treadmill_speed_mps=1.1176, grade_pct=1.5, direction_code="BW", hr_rest_bpm=61.5,
    )  # fmt: skip

    assert {name: cells[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("clinic_id", "kind", "height", "weight"),
    [  # 175.26 cm = 5 ft 9 in; 79.832257 kg = 176 lb (79.83225712 exactly)
        ("alder", "participants", "5'9\"", "176"),
        ("birke", "participants", "175,26", "79,832257"),
        ("cedro", "redcap", "1.7526", "79.832257"),
        ("deodar", "registry", "175.26", "79.832257"),
    ],
)
def test_height_and_weight_in_each_dialect(
    contract: Contract, clinic_id: str, kind: str, height: str, weight: str
) -> None:
    person = pl.DataFrame({"_uid": [1], "height_cm": [175.26], "weight_kg": [79.832257]})

    sheet = dialect.render(contract, clinic_id, kind, {"participant": person})[0]

    columns = contract.clinics[clinic_id].files[kind].tables["participant"].columns
    (tall,) = (c for c, m in columns.items() if m.field == "height_cm")
    (heavy,) = (c for c, m in columns.items() if m.field == "weight_kg")
    assert sheet.cells.select(tall, heavy).row(0) == (height, weight)


def test_thousands_are_grouped_in_every_other_record_only(contract: Contract) -> None:
    frame = pl.DataFrame({
        "_uid": [2, 3, 4, 6], "planned_dist_m": [1250.0, 1250.0, 12345.5, 950.0],
    })  # fmt: skip

    (sheet,) = dialect.render(contract, "birke", "sessions", {"session": frame})

    assert sheet.cells["Geplante Strecke (m)"].to_list() == ["1.250", "1250", "12.345,5", "950"]


def test_belt_speed_is_below_zero_where_the_belt_ran_backward(contract: Contract) -> None:
    runs = pl.DataFrame({
        "_uid": [1, 2, 3], "speed_mean_mps": [0.5, 0.5, 0.5],
        "belt_direction_code": ["BW", "FW", None],
    })  # fmt: skip

    (sheet,) = dialect.render(contract, "birke", "treadmill", {"treadmill": runs})

    assert sheet.cells["V_MITTEL_KMH"].to_list() == ["-1,8", "1,8", "1,8"]
    assert sheet.cells["LAUFRICHTUNG"].to_list()[:2] == ["ZUR", "VOR"]


@pytest.mark.parametrize(("clinic_id", "kind"), FORMS)
def test_gaps_are_the_clinics_codes_and_all_of_them(
    contract: Contract, clinic_id: str, kind: str
) -> None:
    clinic = contract.clinics[clinic_id]
    for table, table_map in clinic.files[kind].tables.items():
        if clinic.files[kind].format == "redcap" and table != "session":
            continue
        gaps = pl.DataFrame({"_uid": range(60)})
        sheet = next(
            s for s in dialect.render(contract, clinic_id, kind, {table: gaps}) if s.cells.height
        )
        columns = [
            c for c, m in table_map.columns.items() if not m.checkbox and m.field != "visit_code"
        ]
        columns = [c for c in columns if c not in table_map.rows_where]
        seen = {text for column in columns for text in sheet.cells[column].unique()}
        assert seen == set(clinic.missing)


def test_code_without_a_word_is_refused_without_naming_it(contract: Contract) -> None:
    alder = contract.clinics["alder"]
    fewer = {name: words for name, words in alder.words.items() if name != "sex"}
    clinics = {**contract.clinics, "alder": alder.model_copy(update={"words": fewer})}
    poorer = contract.model_copy(update={"clinics": clinics})
    person = pl.DataFrame({"_uid": [1], "sex_code": ["female"]})

    with pytest.raises(ContractError, match="`sex_code` have no word") as refused:
        dialect.render(poorer, "alder", "participants", {"participant": person})

    assert "female" not in str(refused.value)


@pytest.mark.parametrize("clinic_id", list(CONTRACT.clinics))
def test_clinic_has_a_word_for_every_code_it_may_need(contract: Contract, clinic_id: str) -> None:
    clinic = contract.clinics[clinic_id]
    lacking = []
    for file in clinic.files.values():
        for table, table_map in file.tables.items():
            words = {**clinic.words, **table_map.words}
            for column, meaning in table_map.columns.items():
                field = contract.fields[meaning.field] if meaning.field else None
                if field and field.type in ("code", "boolean"):
                    said = (meaning.words or words.get(field.codes or "boolean", {})).values()
                    needed = set(contract.codes[field.codes]) if field.codes else {True, False}
                    lacking += [(table, column, code) for code in needed - set(said)]
    assert lacking == []


# --- REDCap: several records on one line


def _redcap(contract: Contract, **records: pl.DataFrame) -> pl.DataFrame:
    (sheet,) = dialect.render(contract, "cedro", "redcap", records)
    return sheet.cells


def test_forms_of_one_visit_share_a_line(contract: Contract) -> None:
    person = pl.DataFrame({"_uid": [1], "participant_id": ["03-001-5"]})
    koos = pl.DataFrame({
        "_uid": [10, 11], "participant_id": ["03-001-5"] * 2, "visit_code": ["BL", "W3"],
        "koos_p1": [3, 2],
    })  # fmt: skip
    pain = pl.DataFrame({
        "_uid": [20], "participant_id": ["03-001-5"], "visit_code": ["BL"], "nprs_now": [4.0],
    })  # fmt: skip

    lines = _redcap(contract, participant=person, koos=koos, pain=pain)

    assert lines.select(
        "record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance",
        "koos_p1", "koos_complete", "dor_agora", "dor_complete", "session_log_complete",
        "_tables", "_uids",
    ).rows() == [
        ("03-001-5", "baseline_arm_1", "", "", "3", "2", "4", "2", "",
         ["participant", "koos", "pain"], [1, 10, 20]),
        ("03-001-5", "week_3_arm_1", "", "", "2", "2", "", "0", "", ["koos"], [11]),
    ]  # fmt: skip


def test_repeated_instruments_are_numbered_and_unanswered_boxes_leave_the_form_unopened(
    contract: Contract,
) -> None:
    session = pl.DataFrame({
        "_uid": [1, 2], "participant_id": ["03-001-5"] * 2, "session_no": [1, 2],
        "footwear_ok": [True, None], "area_clear_ok": [False, None],
        "rail_available": [True, None], "gradual_progression_ok": [True, None],
    })  # fmt: skip

    lines = _redcap(contract, session=session)

    boxes = [f"precautions___{k}" for k in range(1, 5)]
    assert lines.select(
        "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", *boxes,
        "session_log_complete",
    ).rows() == [
        ("programme_arm_1", "session_log", "1", "1", "0", "1", "1", "2"),
        ("programme_arm_1", "session_log", "2", "0", "0", "0", "0", "0"),
    ]  # fmt: skip


def test_a_form_twice_at_one_visit_takes_two_lines(contract: Contract) -> None:
    koos = pl.DataFrame({
        "_uid": [1, 2], "participant_id": ["03-001-5"] * 2, "visit_code": ["W6"] * 2,
        "koos_p1": [1, 2],
    })  # fmt: skip

    lines = _redcap(contract, koos=koos)

    assert lines.select("koos_p1", "_uids").rows() == [("1", [1]), ("2", [2])]


def test_a_new_clinic_needs_only_its_declaration(contract: Contract, tmp_path: Path) -> None:
    """Two tables on the lines of one file, in a shape that no other clinic has."""
    shared = {"Code": "participant_id", "Visit": "visit_code", "On": "assessed_date"}
    elm = Clinic.model_validate({
        "clinic_id": "elm", "name": "Elm", "prefix": "05", "language": "en",
        "time_zone": "Asia/Tokyo", "sends_from": "2025-10-27", "encoding": "utf-16",
        "decimal": ",", "dates": "YYYY-MM-DD", "times": "HH:MM", "missing": ["", "?"],
        "words": {"visit": {"First": "BL", "Second": "W3"}},
        "files": {"visits": {
            "name": r"elm-(?P<sent>\d{8})\.txt", "format": "csv", "keyed": "increment",
            "layout": {"delimiter": "|", "header": ["Code", "Visit"]},
            "tables": {
                "koos": {"columns": {**shared, "P1": "koos_p1"}},
                "pain": {"columns": {**shared, "Avg": "nprs_average_7d"}},
            },
        }},
    })  # fmt: skip
    wider = contract.model_copy(update={"clinics": {**contract.clinics, "elm": elm}})
    on = dt.date(2025, 5, 6)
    koos = pl.DataFrame({
        "_uid": [1, 2], "participant_id": ["a", "b"], "visit_code": ["BL", "BL"],
        "assessed_date": [on, on], "koos_p1": [4, 0],
    })  # fmt: skip
    pain = pl.DataFrame({
        "_uid": [1], "participant_id": ["b"], "visit_code": ["BL"], "assessed_date": [on],
        "nprs_average_7d": [2.5],
    })  # fmt: skip

    _, written = _write(wider, "elm", "visits", {"koos": koos, "pain": pain}, tmp_path)

    assert written.path.read_bytes().decode("utf-16").splitlines() == [
        "Code|Visit|On|P1|Avg", "a|First|2025-05-06|4|", "b|First|2025-05-06|0|2,5",
    ]  # fmt: skip
    assert written.lines.sort("table_name", "uid").rows() == [
        ("koos", 1, 2), ("koos", 2, 3), ("pain", 1, 3),
    ]  # fmt: skip


# --- bytes


def test_german_text_ends_its_lines_as_windows_does_and_counts_them(
    contract: Contract, trial: Trial, tmp_path: Path
) -> None:
    (sheet,), written = _write(contract, "birke", "koos", _of(trial, "birke"), tmp_path)

    lines = written.path.read_bytes().decode("cp1252").split("\r\n")
    assert lines[:2] == ["Erstellt von:;Frau Weiß", "Korrekturgrund:;Größe berichtigt"]
    assert lines[2].startswith("Teilnehmercode;Visite;Datum;Knie;")
    assert lines[-2:] == [f"Anzahl Zeilen;{sheet.cells.height}", ""]
    assert len(lines) == 2 + 1 + sheet.cells.height + 1 + 1


def test_redcap_text_begins_with_one_byte_order_mark(
    contract: Contract, trial: Trial, tmp_path: Path
) -> None:
    _, written = _write(contract, "cedro", "redcap", _of(trial, "cedro"), tmp_path)

    data = written.path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbfrecord_id,redcap_event_name,")
    assert data.count(b"\xef\xbb\xbf") == 1


def test_workbook_has_titles_real_dates_and_numbers(contract: Contract, tmp_path: Path) -> None:
    session = pl.DataFrame({
        "_uid": [1], "participant_id": ["04-001-4"], "scheduled_date": [dt.date(2025, 7, 1)],
        "start_utc": [EIGHT_UTC], "actual_min": [12.5], "session_note": ["=1+1"],
        "session_no": [7], "hr_rest_bpm": [61.0],
    })  # fmt: skip

    _, written = _write(contract, "deodar", "sessions", {"session": session}, tmp_path)

    page = openpyxl.load_workbook(written.path)["Session Log"]
    assert page["A1"].value == "Deodar Rehabilitation Centre, New Delhi: Session Log"
    assert [str(r) for r in page.merged_cells.ranges] == ["A1:BD1"]  # 56 columns
    assert (page["A2"].value, page["B2"].value) == ("Prepared by", "Frau Weiß")
    row = dict(zip([c.value for c in page[4]], page[5], strict=True))
    assert row["Planned Date"].value == dt.datetime(2025, 7, 1)
    assert row["Started At"].value == dt.datetime(2025, 7, 1, 13, 30)
    assert (row["Done (min)"].value, row["Session No."].value) == (12.5, 7)
    assert (row["Remarks"].value, row["Remarks"].data_type) == ("=1+1", "s")
    assert written.lines.rows() == [("session", 1, 5)]


@pytest.mark.parametrize(("clinic_id", "kind"), FORMS)
def test_same_records_give_the_same_bytes(
    contract: Contract, trial: Trial, clinic_id: str, kind: str, tmp_path: Path
) -> None:
    _, first = _write(contract, clinic_id, kind, _of(trial, clinic_id), tmp_path / "a")
    _, second = _write(contract, clinic_id, kind, _of(trial, clinic_id), tmp_path / "b")

    assert first.path.read_bytes() == second.path.read_bytes()
    if first.path.suffix == ".xlsx":  # no trace of when it was made
        with zipfile.ZipFile(first.path) as book:
            assert {member.date_time for member in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert b"2025-01-01T00:00:00Z" in book.read("docProps/core.xml")


# --- there and back


@pytest.mark.parametrize(("clinic_id", "kind"), FORMS)
def test_readers_find_the_same_cells_on_the_lines_that_were_claimed(
    contract: Contract, trial: Trial, clinic_id: str, kind: str, tmp_path: Path
) -> None:
    clinic = contract.clinics[clinic_id]
    file = clinic.files[kind]

    sheets, written = _write(contract, clinic_id, kind, _of(trial, clinic_id), tmp_path)

    layouts = list(file.sheets.values()) or [file.layout]
    claimed = []
    for sheet, declared in zip(sheets, layouts, strict=True):
        layout = Layout(encoding=file.encoding or clinic.encoding, **declared.model_dump())
        parts = list(read_table(written.path, file.format, layout, batch_rows=100))
        rows = pl.concat([part.rows for part in parts])
        assert sum(part.broken.height for part in parts) == 0
        assert_frame_equal(
            rows.drop("row_no").with_columns(pl.all().fill_null("")),
            sheet.cells.select(sheet.columns),
        )
        assert parts[0].preamble == {key: SAID[key] for key in declared.preamble}
        claimed.append(
            sheet.cells.select("_tables", "_uids")
            .with_columns(rows["row_no"])
            .explode("_tables", "_uids", empty_as_null=False)
            .rename({"_tables": "table_name", "_uids": "uid"})
        )
    assert_frame_equal(pl.concat(claimed), written.lines, check_row_order=False)


@pytest.mark.parametrize(("clinic_id", "kind"), FORMS)
def test_standardise_reads_the_records_as_they_were(
    contract: Contract, trial: Trial, clinic_id: str, kind: str, tmp_path: Path
) -> None:
    records = _of(trial, clinic_id)
    _, written = _write(contract, clinic_id, kind, records, tmp_path)
    delivery = Delivery(
        delivery_id="d", clinic_id=clinic_id, file_name=written.path.name, file_kind=kind,
        sha256="", n_bytes=0, received_utc=dt.datetime(2025, 11, 4), sent_date=SENT, revision=0,
        scope_key="d", raw_path=written.path,
    )  # fmt: skip

    staged = standardise(contract, delivery, tmp_path / "staging")

    assert staged.unknown_columns == []
    for table, table_map in contract.clinics[clinic_id].files[kind].tables.items():
        assert staged.n_records[table] == records[table].height
        if records[table].is_empty():
            continue
        found = pl.read_parquet(tmp_path / "staging" / table / "d" / "*.parquet")
        assert found["faults"].list.len().sum() == 0
        lines = written.lines.filter(pl.col("table_name") == table).select("row_no", _uid="uid")
        both = records[table].join(found.join(lines, on="row_no"), on="_uid", suffix=" back")
        assert both.height == records[table].height
        for meaning in table_map.columns.values():
            _same(
                contract, both, meaning.field or meaning.time_of or meaning.local_of, meaning.unit
            )


def _same(contract: Contract, both: pl.DataFrame, name: str, unit: str | None) -> None:
    sent, back = both[name], both[f"{name} back"]
    kind = contract.fields[name].type
    if kind in ("integer", "decimal"):
        # Whole inches are within half an inch of the truth; all other units within 0.05 %.
        slack = pl.Series([1.27 + 1e-9] * len(sent)) if unit == "ft_in" else sent.abs() * 5e-4
        sent, back = sent.cast(pl.Float64), back.cast(pl.Float64)
        assert ((sent - back).abs() <= slack.cast(pl.Float64)).fill_null(True).all(), name
        assert sent.is_null().equals(back.is_null()), name
    elif kind == "instant":  # clinics write no seconds
        assert sent.dt.truncate("1m").equals(back.alias(name)), name
    else:
        assert sent.equals(back.alias(name)), name
