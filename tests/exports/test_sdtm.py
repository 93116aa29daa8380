"""SDTM records worked by hand, and promises that hold for every dataset."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines import measures
from pipelines.errors import ContractError
from pipelines.exports import export
from pipelines.exports.sdtm import sdtm_frames, visits
from pipelines.exports.sdtm_model import codelists, datasets, items, known_tests, lab_tests, terms
from tests.exports.cases import HOSTILE, PERSON, SQL

BOTH = pytest.mark.parametrize("audience", ["open", "closed"])
DOMAINS = ("DM", "EX", "AE", "QS", "FT", "MK")
OTHER = PERSON | {"participant_id": "01-002-1", "arm": "FW", "sex_code": "other"}


def session(number: int, day: int, **more) -> dict:
    """A session that took place on a study day; day 3 of the person is 2025-03-12."""
    date = dt.date(2025, 3, 9) + dt.timedelta(days=day)
    return {
        "participant_id": "01-001-3", "session_no": number, "scheduled_date": date, "attended": True,
        "start_day": day, "end_day": day, "study_day": day, "actual_min": 12.0, "direction_code": "BW",
    } | more  # fmt: skip


def answer(item: str, value: float, day: int, **more) -> dict:
    date = dt.date(2025, 3, 10) + dt.timedelta(days=day - 1 if day > 0 else day)
    return {
        "participant_id": "01-001-3", "visit_code": "BL", "assessed_date": date, "study_day": day,
        "knee_side": "left", "measure": "koos", "item": item, "answer": value,
    } | more  # fmt: skip


def frames(warehouse: Path, contract, audience: str = "closed") -> dict[str, pl.DataFrame]:
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{warehouse / audience}.duckdb' AS w (READ_ONLY)")
        con.execute("USE w")
        return sdtm_frames(con, contract, SQL / "sdtm", blinded=audience == "open")


def dataset(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name.lower()}.json").read_text(encoding="utf-8"))


# --- worked by hand


def test_dates_of_a_participant_follow_from_the_study_days(by_hand, contract):
    person = PERSON | {
        "birth_year": 1950, "consented_date": dt.date(2025, 3, 1), "withdrawn_date": dt.date(2025, 5, 2),
    }  # fmt: skip
    warehouse = by_hand(
        {"core_participant": [person], "core_session": [session(2, 5), session(1, 3)]}
    )

    row = frames(warehouse, contract)["DM"].row(0, named=True)

    assert row == {
        "STUDYID": "backstep-1", "DOMAIN": "DM", "USUBJID": "backstep-1-01-001-3", "SUBJID": "01-001-3",
        "RFSTDTC": "2025-03-10", "RFENDTC": "2025-05-02", "RFXSTDTC": "2025-03-12", "RFXENDTC": "2025-03-14",
        "RFICDTC": "2025-03-01", "RFPENDTC": "2025-05-02", "DTHDTC": None, "DTHFL": None, "SITEID": "alder",
        "BRTHDTC": "1950", "AGE": 75, "AGEU": "YEARS", "SEX": "F", "RACE": None, "ARMCD": "BW",
        "ARM": "WALKING BACKWARD", "ACTARMCD": "BW", "ACTARM": "WALKING BACKWARD", "ARMNRS": None,
        "ACTARMUD": None, "COUNTRY": "USA",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("directions", "actual", "reason"),
    [
        ([], None, "ASSIGNED, NOT TREATED"),
        (["FW", "BW", "BW"], "BW", None),
        (["FW", "BW"], "FW", None),
        ([None], "FW", None),
    ],
)
def test_the_actual_arm_is_the_direction_of_most_sessions(
    by_hand, contract, directions, actual, reason
):
    sessions = [
        session(number, number, participant_id="01-002-1", direction_code=direction)
        for number, direction in enumerate(directions, start=1)
    ]
    missed = session(
        9, 9, participant_id="01-002-1", attended=False, direction_code=None, actual_min=None
    )
    warehouse = by_hand({"core_participant": [OTHER], "core_session": [*sessions, missed]})

    row = frames(warehouse, contract)["DM"].row(0, named=True)

    assert (row["ARMCD"], row["ACTARMCD"], row["ARMNRS"]) == ("FW", actual, reason)
    assert row["SEX"] == "U"


def test_a_session_is_an_exposure_only_if_it_took_place(by_hand, contract):
    sessions = [
        session(3, 7, attended=False, actual_min=None, start_day=None, end_day=None),
        session(2, 5, direction_code=None, actual_min=None, start_day=None, end_day=None),
        session(1, 3, actual_min=12.5),
        session(4, 9, actual_min=0.0),
    ]
    found = frames(by_hand({"core_participant": [PERSON], "core_session": sessions}), contract)[
        "EX"
    ]

    shown = ("EXSEQ", "EXSPID", "EXTRT", "EXDOSE", "EXDOSU", "EXSTDTC", "EXENDTC", "EXSTDY")
    assert found.select(shown).rows() == [
        (1, "1", "WALKING BACKWARD", 12.5, "min", "2025-03-12", "2025-03-12", 3),
        (2, "2", "DIRECTION NOT REPORTED", None, None, "2025-03-14", "2025-03-14", 5),
    ]


def test_answers_carry_item_codes_the_knee_and_the_last_before_the_first_session(by_hand, contract):
    rows = {
        "core_participant": [PERSON],
        "core_session": [session(1, 1)],
        "core_answer": [
            answer("p1", 3, -1),
            answer("p1", 2, 1),  # the day of the first session, at the baseline visit: before it
            answer("p2", 4, 1, visit_code="UNS"),  # that day, but not at baseline
            answer("p1", 1, 22, visit_code="W3"),
            answer("worst_24h", 6, 22, visit_code="W3", measure="pain", knee_side=None),
        ],
    }
    found = frames(by_hand(rows), contract)["QS"]

    shown = ("QSSEQ", "QSTESTCD", "QSTEST", "QSCAT", "QSORRES", "QSSTRESN", "QSLOC", "QSLAT", "QSLOBXFL",
             "VISITNUM", "VISIT", "VISITDY", "QSDTC", "QSDY")  # fmt: skip
    assert found.select(shown).rows() == [
        (1, "KOOSP1", "KOOS-Item P1", "KOOS", "3", 3.0, "KNEE JOINT", "LEFT", None, 2.0, "BASELINE", 1, "2025-03-09", -1),
        (2, "KOOSP1", "KOOS-Item P1", "KOOS", "2", 2.0, "KNEE JOINT", "LEFT", "Y", 2.0, "BASELINE", 1, "2025-03-10", 1),
        (3, "KOOSP2", "KOOS-Item P2", "KOOS", "4", 4.0, "KNEE JOINT", "LEFT", None, 7.0, "UNSCHEDULED", None, "2025-03-10", 1),
        (4, "KOOSP1", "KOOS-Item P1", "KOOS", "1", 1.0, "KNEE JOINT", "LEFT", None, 3.0, "WEEK 3", 22, "2025-03-31", 22),
        (5, "NRSWRS24", "Pain NRS-Item WRS24", "PAIN NRS", "6", 6.0, None, None, None, 3.0, "WEEK 3", 22, "2025-03-31", 22),
    ]  # fmt: skip


def test_a_trial_without_a_time_is_not_done(by_hand, contract):
    test = {
        "participant_id": "01-001-3", "visit_code": "BL", "assessed_date": dt.date(2025, 3, 9), "study_day": -1,
        "balance_test_code": "tug", "trial_no": 1, "time_s": 9.5,
    }  # fmt: skip
    stance = test | {
        "balance_test_code": "sls", "test_side_code": "right", "eyes_code": "open", "time_s": 30.0, "cap_s": 30.0,
    }  # fmt: skip
    walk = {
        "participant_id": "01-001-3", "visit_code": "BL", "assessed_date": dt.date(2025, 3, 9), "study_day": -1,
        "walk_test_code": "6mwt", "trial_no": 1, "pace_code": "self_selected", "time_s": 360.0, "timed_distance_m": 412.0,
    }  # fmt: skip
    rows = {
        "core_participant": [PERSON],
        "core_session": [session(1, 3)],
        "core_balance_test": [test, test | {"trial_no": 2, "time_s": None}, stance],
        "core_walk_test": [walk],
    }
    found = frames(by_hand(rows), contract)["FT"]

    shown = ("FTTESTCD", "FTCAT", "FTSCAT", "FTORRES", "FTORRESU", "FTSTAT", "FTLOC", "FTLAT", "FTLOBXFL", "FTREPNUM")  # fmt: skip
    assert found.select(shown).rows() == [
        ("SLSTIME", "SINGLE-LEG STANCE", "EYES OPEN", "30", "s", None, "LEG", "RIGHT", "Y", 1),
        ("SLSCAP", "SINGLE-LEG STANCE", "EYES OPEN", "30", "s", None, "LEG", "RIGHT", "Y", 1),
        ("SIXMW106", "SIX MINUTE WALK", None, "412", "m", None, None, None, "Y", 1),
        ("TUG0101", "TUG", None, "9.5", "s", None, None, None, "Y", 1),
        ("TUG0101", "TUG", None, None, None, "NOT DONE", None, None, None, 2),
    ]


def test_a_force_has_its_lever_and_angle_beside_it(by_hand, contract):
    force = {
        "participant_id": "01-001-3", "visit_code": "W6", "assessed_date": dt.date(2025, 4, 20), "study_day": 42,
        "muscle_code": "calf", "test_side_code": "right", "trial_no": 2, "force_n": 250.0, "lever_m": 0.35,
        "joint_angle_deg": 90,
    }  # fmt: skip
    found = frames(by_hand({"core_participant": [PERSON], "core_strength": [force]}), contract)[
        "MK"
    ]

    shown = ("MKTESTCD", "MKCAT", "MKORRES", "MKORRESU", "MKLOC", "MKLAT", "MKMETHOD", "MKREPNUM", "VISITDY", "MKDY")  # fmt: skip
    assert found.select(shown).rows() == [
        (
            "ISOMSPF",
            "ISOMETRIC STRENGTH",
            "250",
            "Newton",
            "ANKLE JOINT",
            "RIGHT",
            "DYNAMOMETRY",
            2,
            43,
            42,
        ),
        ("LEVERARM", "ISOMETRIC STRENGTH", "0.35", "m", "ANKLE JOINT", "RIGHT", None, 2, 43, 42),
        ("JOINTANG", "ISOMETRIC STRENGTH", "90", "deg", "ANKLE JOINT", "RIGHT", None, 2, 43, 42),
    ]


def test_a_torque_is_a_test_of_its_own_in_the_unit_it_was_sent_in(by_hand, contract):
    trial = {
        "participant_id": "01-001-3", "visit_code": "W6", "assessed_date": dt.date(2025, 4, 20), "study_day": 42, "muscle_code": "quadriceps",
        "test_side_code": "left",
    }  # fmt: skip
    sent = [{"torque_nm": 105.0, "torque_nm_per_kg": 1.31}, {"torque_nm_per_kg": 1.2}, {}]
    trials = [trial | {"trial_no": number} | one for number, one in enumerate(sent, start=1)]
    found = frames(by_hand({"core_participant": [PERSON], "core_strength": trials}), contract)["MK"]

    shown = ("MKREPNUM", "MKTESTCD", "MKTEST", "MKORRES", "MKORRESU", "MKSTAT", "MKLOC")
    assert found.sort("MKREPNUM", "MKTESTCD").select(shown).rows() == [
        (1, "ISOTMEXT", "Isometric Torque per Mass, Extension", "1.31", "Nm/kg", None, "KNEE JOINT"),
        (1, "ISOTQEXT", "Isometric Torque, Extension", "105", "Nm", None, "KNEE JOINT"),
        (2, "ISOTMEXT", "Isometric Torque per Mass, Extension", "1.2", "Nm/kg", None, "KNEE JOINT"),
        (3, "ISOMSEXT", "Isometric Muscle Strength, Extension", None, None, "NOT DONE", "KNEE JOINT"),
    ]  # fmt: skip


def test_knee_load_is_a_derived_result_of_one_way_with_the_speed_of_each_trial(by_hand, contract):
    visit = {
        "participant_id": "01-001-3", "visit_code": "BL", "assessed_date": dt.date(2025, 3, 5), "study_day": -5,
    }  # fmt: skip
    load = visit | {"clinic_id": "alder", "measure": "knee_load", "delivery_id": "d", "row_no": 1}
    numbers = [("first_peak_forward", 0.45), ("first_peak_backward", 0.38), ("kaai_forward", 0.12)]
    trial = visit | {"lab_speed_mps": 1.04, "lab_direction_code": "FW", "trial_no": 1}
    rows = {
        "core_participant": [PERSON], "core_lab_trial": [trial],
        "core_outcome": [load | {"scale": scale, "value": value} for scale, value in numbers],
    }  # fmt: skip
    warehouse = by_hand(rows)
    found = frames(warehouse, contract)["MK"]

    shown = ("MKTESTCD", "MKSCAT", "MKSTRESN", "MKSTRESU", "MKLOC", "MKLAT", "MKMETHOD", "MKDRVFL", "MKREPNUM", "VISIT", "MKDY")  # fmt: skip
    assert found.select(shown).rows() == [
        ("LABSPEED", "FORWARD TRIALS", 1.04, "m/s", None, None, None, None, 1, "BASELINE", -5),
        ("KAMPEAK1", "BACKWARD TRIALS", 0.38, "Nm/kg", "KNEE JOINT", "LEFT", "INVERSE DYNAMICS", "Y", None, "BASELINE", -5),
        ("KAMPEAK1", "FORWARD TRIALS", 0.45, "Nm/kg", "KNEE JOINT", "LEFT", "INVERSE DYNAMICS", "Y", None, "BASELINE", -5),
        ("KAMIMPUL", "FORWARD TRIALS", 0.12, "Nm*s/kg", "KNEE JOINT", "LEFT", "INVERSE DYNAMICS", "Y", None, "BASELINE", -5),
    ]  # fmt: skip
    assert set(found["MKCAT"]) == {"KNEE LOAD"} and set(found["MKDTC"]) == {"2025-03-05"}
    assert set(found["MKLOBXFL"]) == {None}  # without a session there is nothing to be before
    blinded = frames(warehouse, contract, "open")["MK"]
    assert blinded.select(shown).rows() == found.select(shown).rows()
    assert set(blinded["MKDTC"]) == {None}


def test_a_scale_of_knee_load_without_a_name_stops_the_export(by_hand, contract):
    new = {
        "participant_id": "01-001-3", "clinic_id": "alder", "visit_code": "BL", "study_day": -5, "measure": "knee_load",
        "scale": "third_peak_forward", "value": 0.3,
    }  # fmt: skip
    warehouse = by_hand({"core_participant": [PERSON], "core_outcome": [new]})
    with pytest.raises(ContractError, match="1 results have no SDTM test"):
        frames(warehouse, contract)


def event(number: int, **more) -> dict:
    return {
        "participant_id": "01-001-3", "ae_no": number, "onset_date": dt.date(2025, 3, 9), "study_day": -1,
        "severity_code": "moderate", "serious": False, "ae_term": HOSTILE, "relatedness_code": "possible",
    } | more  # fmt: skip


def test_events_keep_their_words_and_the_open_side_does_not_see_them(by_hand, contract, tmp_path):
    fatal = event(
        2, serious=True, seriousness_code="death", ae_outcome_code="fatal", end_date=dt.date(2025, 3, 20),
        end_day=11, ae_term="  ",
    )  # fmt: skip
    warehouse = by_hand({"core_participant": [PERSON], "core_adverse_event": [event(1), fatal]})
    for audience in ("open", "closed"):
        export(
            warehouse,
            tmp_path / audience,
            contract,
            "cdisc",
            audience,
            sql=SQL,
            codes=tmp_path / "c.csv",
        )

    closed = dataset(tmp_path / "closed", "AE")
    names = [c["name"] for c in closed["columns"]]
    first, second = (dict(zip(names, row, strict=True)) for row in closed["rows"])
    assert first["AETERM"] == HOSTILE.strip()
    assert (first["AESEV"], first["AESER"], first["AEREL"]) == ("MODERATE", "N", "POSSIBLY RELATED")
    assert (first["AESTDTC"], first["AESTDY"], first["AEENDTC"]) == ("2025-03-09", -1, None)
    assert (second["AETERM"], second["AESDTH"], second["AEOUT"]) == ("NOT REPORTED", "Y", "FATAL")
    assert (second["AEENDTC"], second["AEENDY"]) == ("2025-03-20", 11)
    person = dict(zip([c["name"] for c in dataset(tmp_path / "closed", "DM")["columns"]],
                      dataset(tmp_path / "closed", "DM")["rows"][0], strict=True))  # fmt: skip
    assert (person["DTHFL"], person["DTHDTC"]) == ("Y", "2025-03-20")
    told = b"".join(p.read_bytes() for p in (tmp_path / "open").iterdir())
    assert b"HYPERLINK" not in told
    assert {row[names.index("AETERM")] for row in dataset(tmp_path / "open", "AE")["rows"]} == {
        "BLINDED"
    }


def test_an_item_without_an_sdtm_test_stops_the_export(by_hand, contract):
    odd = answer("p1", 1, 1, measure="a_new_form")
    warehouse = by_hand({"core_participant": [PERSON], "core_answer": [odd]})

    with pytest.raises(Exception, match="1 results have no SDTM test") as caught:
        frames(warehouse, contract)

    assert "sdtm_terms.yaml" in caught.value.remedy


def test_planned_days_have_no_day_zero(contract):
    planned = {code: day for code, _, _, day in visits(contract)}

    # Targets in study.yaml are days since randomisation: 0 is day 1, 42 is day 43.
    assert (planned["BL"], planned["W6"], planned["UNS"]) == (1, 43, None)


# --- every dataset


@BOTH
@pytest.mark.parametrize("name", DOMAINS)
def test_records_fit_their_columns_and_no_subject_has_a_number_twice(exported, audience, name):
    found = dataset(exported("cdisc", audience), name)
    names = [column["name"] for column in found["columns"]]
    kinds = {"string": str, "date": str, "integer": int, "double": float}

    assert found["datasetJSONVersion"] == "1.1.0"
    assert found["records"] == len(found["rows"]) > 0
    for place, column in enumerate(found["columns"]):
        values = [row[place] for row in found["rows"] if row[place] is not None]
        assert all(type(v) is kinds[column["dataType"]] for v in values), column["name"]
        if column["dataType"] == "string":
            assert max(map(len, values), default=1) <= column["length"]
        if column["dataType"] == "date":
            assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", v) for v in values)
    if name != "DM":
        keys = [
            (row[names.index("USUBJID")], row[names.index(f"{name}SEQ")]) for row in found["rows"]
        ]
        assert len(set(keys)) == len(keys)
        assert keys == sorted(keys)


@pytest.mark.parametrize("name", DOMAINS)
def test_names_labels_and_codes_keep_to_the_transport_limits(contract, name):
    found = next(d for d in datasets() if d.name == name)

    assert all(re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", v.name) for v in found.variables)
    assert all(0 < len(v.label) <= 40 for v in found.variables)
    assert set(found.keys) <= {v.name for v in found.variables}
    if found.is_finding:
        for code, test in known_tests(contract, name).items():
            assert re.fullmatch(r"[A-Z][A-Z0-9_]{0,7}", code), code
            assert len(test) <= 40


def test_every_answer_trial_and_force_is_exported(exported, rendered_home):
    with duckdb.connect(str(rendered_home / "warehouse" / "closed.duckdb"), read_only=True) as con:

        def count(sql: str) -> int:
            return con.execute(f"SELECT count(*) {sql}").fetchall()[0][0]

        questionnaires = count("FROM core_answer WHERE measure NOT IN ('berg', 'mini_bestest')")
        rated = count("FROM core_answer WHERE measure IN ('berg', 'mini_bestest')")
        trials = count("FROM core_walk_test") + count("FROM core_balance_test")
        beside = count(
            "FROM core_walk_test WHERE walk_test_code <> '6mwt' AND timed_distance_m IS NOT NULL"
        )
        beside += count(
            "FROM core_balance_test WHERE balance_test_code = 'sls' AND cap_s IS NOT NULL"
        )
        load = count("FROM core_outcome WHERE measure = 'knee_load'")
        people, events = count("FROM core_participant"), count("FROM core_adverse_event")
    found = {name: dataset(exported("cdisc", "closed"), name)["records"] for name in DOMAINS}

    assert (found["DM"], found["AE"], found["QS"]) == (people, events, questionnaires)
    assert found["FT"] == rated + trials + beside
    mk = dataset(exported("cdisc", "closed"), "MK")
    derived = [column["name"] for column in mk["columns"]].index("MKDRVFL")
    assert sum(row[derived] == "Y" for row in mk["rows"]) == load > 0


@BOTH
def test_values_of_a_code_list_are_terms_of_it(exported, contract, audience):
    lists = codelists(contract, audience == "open")
    for declared in datasets():
        found = dataset(exported("cdisc", audience), declared.name)
        for place, variable in enumerate(declared.variables):
            if variable.codelist:
                values = {row[place] for row in found["rows"]} - {None}
                listed = {term.value for term in lists[variable.codelist].terms}
                assert values <= listed, variable.name


def test_every_code_of_the_study_has_its_word(contract):
    study = {
        "sex": "sex", "side": "side", "severity": "severity", "relatedness": "relatedness", "arm": "arm",
        "ae_outcome": "ae_outcome", "pace": "pace", "eyes": "eyes", "girth_site": "girth_site",
        "lab_way": "direction",
    }  # fmt: skip
    assert set(study) == set(terms()["words"])
    for name, codes in study.items():
        assert set(terms()["words"][name]) == set(contract.codes[codes])
    assert set(terms()["functional_tests"]) == set(contract.codes["walk_test"]) | set(
        contract.codes["balance_test"]
    )
    assert set(terms()["muscle_tests"]) == set(contract.codes["muscle"])
    assert {row[0] for row in lab_tests()} == set(measures.discovered()["knee_load"].MEASURE.scales)
    forms = {name for name, table in contract.tables.items() if table.answers}
    assert {row[0] for row in items(contract)} == forms


def test_the_open_side_has_no_arm_no_date_and_no_term(exported):
    folder = exported("cdisc", "open")
    told = {d.name: dataset(folder, d.name) for d in datasets()}

    for declared in datasets():
        for place, variable in enumerate(declared.variables):
            values = {row[place] for row in told[declared.name]["rows"]}
            if variable.type in ("date", "incompleteDate") or variable.closed:
                assert values == {None}, variable.name
            if variable.name in ("ARM", "ARMCD", "ACTARM", "ACTARMCD", "EXTRT", "AETERM"):
                assert values == {"BLINDED"}, variable.name
    words = " ".join(p.read_text(encoding="utf-8") for p in folder.iterdir())
    assert not re.search(r"WALKING (BACK|FOR)WARD|walks (back|for)ward|dose-matched", words)


def test_both_sides_number_their_records_alike(exported):
    for name in DOMAINS[1:]:
        sides = []
        for audience in ("open", "closed"):
            found = dataset(exported("cdisc", audience), name)
            names = [column["name"] for column in found["columns"]]
            shown = [names.index(n) for n in ("USUBJID", f"{name}SEQ")]
            shown += [
                names.index(n) for n in (f"{name}DY", f"{name}STDY", f"{name}ORRES") if n in names
            ]
            sides.append([[row[place] for place in shown] for row in found["rows"]])
        assert sides[0] == sides[1]
