"""Text rows -> staged frame: instants and their faults, keys, REDCap's shared lines, what is kept as sent."""

from __future__ import annotations

import datetime as dt
import json

import polars as pl
import pytest

from pipelines.contracts.model import Clinic, ColumnMap, Contract, TableMap
from pipelines.contracts.shapes import Delivery
from pipelines.contracts.tables import staged_schema
from pipelines.errors import DeliveryRefused
from pipelines.identity import make_id
from pipelines.standardise.columns import Mapping, records_of, stage, unclaimed

ADA, BOB = make_id("01", 1), make_id("01", 2)


def text_rows(*rows: dict[str, str | None], first: int = 2) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame(
        {"row_no": range(first, first + len(rows)), **cells},
        schema={"row_no": pl.Int64, **dict.fromkeys(names, pl.String)},
    )


def mapped(
    contract: Contract, kind: str, table: str, clinic_id: str = "alder", **clinic: object
) -> Mapping:
    found = contract.clinics[clinic_id]
    file = found.files[kind]
    return Mapping(
        contract,
        found.model_copy(update=clinic),
        table,
        file.tables[table],
        len(file.tables) > 1 and not file.sheets,
    )


def staged_of(rows: pl.DataFrame, mapping: Mapping, delivery: Delivery) -> list[dict]:
    return stage(records_of(rows, mapping), mapping, delivery).to_dicts()


def session(**more: str | None) -> dict[str, str | None]:
    return {
        "Subject ID": ADA, "Session #": "3", "Scheduled": "03/10/2025", "Start": "2:30 PM", "End": "3:05 PM",
        "Attended": "Yes", "Actual Dist (ft)": "1312", "Entered": "03/10/2025 4:00 PM", **more,
    }  # fmt: skip


# --- the frame


def test_a_good_row_is_staged_in_the_contracts_columns_types_and_units(
    contract: Contract, delivery: Delivery
) -> None:
    mapping = mapped(contract, "sessions", "session")

    frame = stage(records_of(text_rows(session()), mapping), mapping, delivery)

    assert dict(frame.schema) == staged_schema(contract, "session")
    (row,) = frame.to_dicts()
    assert (row["delivery_id"], row["clinic_id"], row["row_no"]) == (
        delivery.delivery_id,
        "alder",
        2,
    )
    assert (row["participant_id"], row["session_no"], row["attended"]) == (ADA, 3, True)
    assert row["scheduled_date"] == dt.date(2025, 3, 10)
    assert row["start_utc"] == dt.datetime(2025, 3, 10, 18, 30)  # New York is at UTC-4 on that day
    assert row["start_on"] == dt.date(2025, 3, 10)
    assert row["actual_dist_m"] == pytest.approx(399.8976)
    assert row["row_key"] == f"{ADA}|3"
    assert row["faults"] == []


def test_every_fault_names_its_rule_and_field_and_nulls_only_its_own_value(
    contract: Contract, delivery: Delivery
) -> None:
    bad = session(
        **{"Session #": "3a", "Scheduled": "10.03.2025", "Attended": "maybe", "Actual Dist (ft)": "1.3.1",
           "Mode": "Swimming", "Entered": "03/10/25 4:00 PM", "Planned Min": "30"}
    )  # fmt: skip

    (row,) = staged_of(text_rows(bad), mapped(contract, "sessions", "session"), delivery)

    assert set(row["faults"]) == {
        "unreadable_number:session_no", "unreadable_date:scheduled_date", "unknown_code:attended",
        "unreadable_number:actual_dist_m", "unknown_code:mode_code", "unreadable_date:entered_utc",
    }  # fmt: skip
    nulls = (
        "session_no",
        "scheduled_date",
        "attended",
        "actual_dist_m",
        "mode_code",
        "entered_utc",
        "start_utc",
    )
    assert all(row[name] is None for name in nulls)
    assert row["planned_min"] == 30.0
    assert row["row_key"] is None


def test_a_missing_value_is_no_fault(contract: Contract, delivery: Delivery) -> None:
    blank = session(
        **{"Attended": "N/A", "Actual Dist (ft)": "", "Start": ".", "Entered": None, "Mode": " "}
    )

    (row,) = staged_of(text_rows(blank), mapped(contract, "sessions", "session"), delivery)

    assert row["faults"] == []
    assert row["attended"] is row["actual_dist_m"] is row["start_utc"] is row["entered_utc"] is None
    assert row["end_utc"] is not None


@pytest.mark.parametrize(
    ("code", "fault"),
    [("01-001", "malformed_participant_id"), ("1-001-9", "malformed_participant_id"), ("O1-001-9", "malformed_participant_id"),
     (ADA[:-1] + str((int(ADA[-1]) + 1) % 10), "wrong_check_digit"), (make_id("02", 1), "other_clinic_participant"),
     (make_id("01", 995), "test_participant")],
)  # fmt: skip
def test_a_wrong_participant_code_is_named(
    contract: Contract, delivery: Delivery, code: str, fault: str
) -> None:
    rows = text_rows(session(), session(**{"Subject ID": code}))

    good, bad = staged_of(rows, mapped(contract, "sessions", "session"), delivery)

    assert good["faults"] == []
    assert bad["faults"] == [f"{fault}:participant_id"]
    assert bad["participant_id"] == code


def test_faults_of_one_row_do_not_stick_to_its_neighbours(
    contract: Contract, delivery: Delivery
) -> None:
    rows = text_rows(session(), session(Attended="?"), session(**{"Session #": "x"}), session())

    found = staged_of(rows, mapped(contract, "sessions", "session"), delivery)

    assert [row["faults"] for row in found] == [
        [],
        ["unknown_code:attended"],
        ["unreadable_number:session_no"],
        [],
    ]
    assert [row["row_no"] for row in found] == [2, 3, 4, 5]


def test_a_part_of_the_key_that_may_be_missing_is_empty_in_it(
    contract: Contract, delivery: Delivery
) -> None:
    form = {"Subject ID": ADA, "Visit": "Week 3", "Date": "03/10/2025", "Knee": "", "P1": "2"}

    (row,) = staged_of(text_rows(form), mapped(contract, "koos", "koos"), delivery)

    assert row["row_key"] == f"{ADA}|W3|2025-03-10|"


def test_the_same_words_have_the_same_hash_and_others_another(
    contract: Contract, delivery: Delivery
) -> None:
    rows = text_rows(session(), session(), session(End="3:06 PM"), session(Unmapped="x"))

    one, same, other, unmapped = staged_of(rows, mapped(contract, "sessions", "session"), delivery)

    assert one["row_hash"] == same["row_hash"] == unmapped["row_hash"]
    assert one["row_hash"] != other["row_hash"]


def test_an_empty_batch_stays_a_frame(contract: Contract, delivery: Delivery) -> None:
    mapping = mapped(contract, "sessions", "session")

    frame = stage(records_of(text_rows(session()).clear(), mapping), mapping, delivery)

    assert frame.height == 0
    assert dict(frame.schema) == staged_schema(contract, "session")


@pytest.mark.parametrize("column", ["Subject ID", "Session #", "Scheduled", "Attended"])
def test_a_file_without_a_required_column_is_refused_as_a_whole(
    contract: Contract, column: str
) -> None:
    with pytest.raises(DeliveryRefused) as caught:
        records_of(text_rows(session()).drop(column), mapped(contract, "sessions", "session"))

    assert caught.value.reason == "columns_missing"
    assert column in caught.value.what
    assert caught.value.remedy


def test_a_file_without_an_optional_column_is_taken(contract: Contract, delivery: Delivery) -> None:
    rows = text_rows(session()).drop("Start", "Actual Dist (ft)", "Entered")

    (row,) = staged_of(rows, mapped(contract, "sessions", "session"), delivery)

    assert row["faults"] == []
    assert row["start_utc"] is row["start_on"] is row["actual_dist_m"] is None


def test_an_instant_that_a_row_cannot_do_without_needs_its_columns(contract: Contract) -> None:
    rows = text_rows({"SUBJECT": ADA, "TIME_MIN": "10"})

    with pytest.raises(DeliveryRefused) as caught:
        records_of(rows, mapped(contract, "treadmill", "treadmill"))

    assert "START" in caught.value.what


# --- what was sent


def test_converted_cells_are_kept_exactly_as_sent(contract: Contract, delivery: Delivery) -> None:
    sent = {
        "Start": " 2:30 PM",
        "End": "N/A",
        "Actual Dist (ft)": "\u22121312\u00a0",
        "Entered": "03/10/2025 4:00 PM",
    }

    (row,) = staged_of(
        text_rows(session(**sent)), mapped(contract, "sessions", "session"), delivery
    )

    assert json.loads(row["sent"]) == sent  # and not the cells that were taken as they are


def test_a_table_whose_cells_are_all_taken_as_they_are_keeps_none(
    contract: Contract, delivery: Delivery
) -> None:
    form = {"Subject ID": ADA, "Visit": "Week 3", "Date": "03/10/2025", "P1": "2"}

    (row,) = staged_of(text_rows(form), mapped(contract, "koos", "koos"), delivery)

    assert row["sent"] is None


def test_a_cell_that_holds_json_or_quotes_is_kept_as_text(
    contract: Contract, delivery: Delivery
) -> None:
    sent = '{"a": "b"}\\ "c"'

    (row,) = staged_of(
        text_rows(session(**{"Actual Dist (ft)": sent})),
        mapped(contract, "sessions", "session"),
        delivery,
    )

    assert json.loads(row["sent"])["Actual Dist (ft)"] == sent
    assert row["faults"] == ["unreadable_number:actual_dist_m"]


# --- clocks: domain notes, section 6; worked with the rules of the IANA database

DST = [
    ("Europe/Berlin", "03/30/2025", "2:30 AM", None, "nonexistent_local_time"),
    ("Europe/Berlin", "03/30/2025", "1:59 AM", "2025-03-30T00:59", None),
    ("Europe/Berlin", "03/30/2025", "3:00 AM", "2025-03-30T01:00", None),
    ("Europe/Berlin", "10/26/2025", "2:30 AM", None, "ambiguous_local_time"),  # 00:30Z or 01:30Z
    ("Europe/Berlin", "10/26/2025", "1:59 AM", "2025-10-25T23:59", None),
    ("Europe/Berlin", "10/26/2025", "3:00 AM", "2025-10-26T02:00", None),
    ("America/New_York", "03/09/2025", "2:30 AM", None, "nonexistent_local_time"),
    ("America/New_York", "11/02/2025", "1:30 AM", None, "ambiguous_local_time"),  # 05:30Z or 06:30Z
    ("America/New_York", "11/02/2025", "12:30 AM", "2025-11-02T04:30", None),
    ("America/New_York", "11/02/2025", "2:00 AM", "2025-11-02T07:00", None),
    ("America/New_York", "03/10/2025", "11:30 PM", "2025-03-11T03:30", None),  # the next day in UTC
    (
        "America/Sao_Paulo",
        "11/02/2025",
        "12:30 AM",
        "2025-11-02T03:30",
        None,
    ),  # no summer time since 2019
    (
        "America/Sao_Paulo",
        "11/04/2018",
        "12:30 AM",
        None,
        "nonexistent_local_time",
    ),  # and there still was
]


@pytest.mark.parametrize(("zone", "day", "time", "utc", "fault"), DST)
@pytest.mark.parametrize("written", ["in two columns", "in one"])
def test_a_time_the_clock_skipped_or_showed_twice_is_named_and_never_guessed(
    contract: Contract,
    delivery: Delivery,
    zone: str,
    day: str,
    time: str,
    utc: str | None,
    fault: str | None,
    written: str,
) -> None:
    mapping = mapped(contract, "sessions", "session", time_zone=zone)
    name = "start" if written == "in two columns" else "entered"
    cells = (
        {"Scheduled": day, "Start": time, "End": ""}
        if name == "start"
        else {"Start": "", "End": ""}
    )
    cells["Entered"] = "" if name == "start" else f"{day} {time}"

    (row,) = staged_of(text_rows(session(**cells)), mapping, delivery)

    assert row[f"{name}_utc"] == (utc and dt.datetime.fromisoformat(utc))
    assert row["faults"] == ([f"{fault}:{name}_utc"] if fault else [])
    assert row[f"{name}_on"] == dt.datetime.strptime(day, "%m/%d/%Y").date()


def test_an_unreadable_clock_time_is_not_the_dates_fault(
    contract: Contract, delivery: Delivery
) -> None:
    rows = text_rows(
        session(Start="14:30"),
        session(Scheduled="99/99/2025"),
        session(Start="25:00 PM", End="4 PM"),
    )

    time, date, both = staged_of(rows, mapped(contract, "sessions", "session"), delivery)

    assert time["faults"] == ["unreadable_time:start_utc"]
    assert date["faults"] == ["unreadable_date:scheduled_date"]
    assert set(both["faults"]) == {"unreadable_time:start_utc", "unreadable_time:end_utc"}


# --- REDCap: many forms on one line

KOOS_FIRST = {"record_id": make_id("03", 1), "redcap_event_name": "week_3_arm_1", "redcap_repeat_instrument": "",
              "redcap_repeat_instance": ""}  # fmt: skip


def redcap_rows(
    contract: Contract, table: str, *rows: dict[str, str]
) -> tuple[pl.DataFrame, Mapping]:
    mapping = mapped(contract, "redcap", table, "cedro")
    blank = dict.fromkeys([*mapping.columns.columns, mapping.columns.complete], "")
    return text_rows(*({**blank, **KOOS_FIRST, **row} for row in rows)), mapping


@pytest.mark.parametrize(
    ("row", "is_record"),
    [
        ({}, False),  # the line belongs to another form
        ({"koos_complete": "0"}, False),  # opened by nobody
        ({"koos_complete": "1"}, True),  # opened, not one answer
        ({"koos_complete": "2"}, True),
        ({"koos_p1": "3"}, True),  # an answer, whatever the form's state
        ({"koos_p1": "3", "koos_complete": "0"}, True),
        ({"koos_p1": "-99"}, False),  # a missing code is no answer
        ({"koos_data": "2025-11-03"}, False),  # part of the key only: nothing to tell
        ({"koos_complete": "2", "redcap_repeat_instrument": "session_log"}, False),  # a repeat of another form
        ({"koos_complete": "9"}, False),
    ],
)  # fmt: skip
def test_a_line_is_a_record_of_a_form_that_was_opened_or_answered(
    contract: Contract, row: dict[str, str], is_record: bool
) -> None:
    rows, mapping = redcap_rows(contract, "koos", row)

    assert records_of(rows, mapping).height == is_record


def test_only_the_lines_of_the_declared_event_are_records(contract: Contract) -> None:
    baseline = {"redcap_event_name": "baseline_arm_1", "braco": "2"}
    rows, mapping = redcap_rows(
        contract, "participant", baseline, {**baseline, "redcap_event_name": "week_3_arm_1"}
    )

    assert records_of(rows, mapping)["row_no"].to_list() == [2]


@pytest.mark.parametrize(
    ("state", "ticked"),
    [("2", (True, False)), ("1", (True, False)), ("0", (None, None)), ("", (None, None))],
)
def test_a_box_means_something_only_on_a_form_that_was_opened(
    contract: Contract, delivery: Delivery, state: str, ticked: tuple[bool | None, bool | None]
) -> None:
    log = {"redcap_event_name": "programme_arm_1", "redcap_repeat_instrument": "session_log", "sessao_data": "2025-11-03",
           "compareceu": "1", "precautions___1": "1", "precautions___2": "0", "session_log_complete": state}  # fmt: skip
    rows, mapping = redcap_rows(contract, "session", log)

    (row,) = staged_of(rows, mapping, delivery)

    assert (row["footwear_ok"], row["area_clear_ok"]) == ticked
    assert row["faults"] == []


def test_a_box_alone_makes_no_record(contract: Contract) -> None:
    log = {
        "redcap_event_name": "programme_arm_1",
        "redcap_repeat_instrument": "session_log",
        "precautions___1": "0",
    }
    rows, mapping = redcap_rows(contract, "session", log)

    assert records_of(rows, mapping).height == 0


@pytest.mark.parametrize("column", ["redcap_event_name", "koos_complete", "record_id", "koos_data"])
def test_a_shared_export_without_a_column_it_is_told_apart_by_is_refused(
    contract: Contract, column: str
) -> None:
    rows, mapping = redcap_rows(contract, "koos", {"koos_p1": "1"})

    with pytest.raises(DeliveryRefused) as caught:
        records_of(rows.drop(column), mapping)

    assert caught.value.reason == "columns_missing"


def test_a_line_of_no_form_is_held_if_it_says_anything(contract: Contract) -> None:
    rows, mapping = redcap_rows(
        contract, "koos", {"koos_p1": "3"}, {"koos_complete": "0"}, {"surprise": "7"}
    )
    other = mapped(contract, "redcap", "berg", "cedro")
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in [*other.columns.columns, other.columns.complete]
        if name not in rows.columns
    )

    broken, n_empty = unclaimed(rows, records_of(rows, mapping)["row_no"], [mapping, other])

    assert broken["row_no"].to_list() == [4]
    assert broken["rule"].to_list() == ["unknown_line_kind"]
    assert n_empty == 1


# --- constants


def test_a_constant_stands_on_every_row(contract: Contract, delivery: Delivery) -> None:
    base = mapped(contract, "tests", "walk_test")
    columns = {
        k: v
        for k, v in base.columns.columns.items()
        if v.field not in ("walk_test_code", "pace_code")
    }
    table_map = TableMap(
        columns=columns, constants={"walk_test_code": "10mwt", "pace_code": "fast", "trial_no": 1}
    )
    table_map = table_map.model_copy(
        update={"columns": {k: v for k, v in columns.items() if v.field != "trial_no"}}
    )
    clinic: Clinic = base.clinic
    rows = text_rows({"Subject ID": ADA, "Visit": "Week 3", "Date": "03/10/2025", "Time (s)": "6.0"},
                     {"Subject ID": BOB, "Visit": "Week 3", "Date": "03/10/2025", "Time (s)": "7.5"})  # fmt: skip

    found = staged_of(rows, Mapping(contract, clinic, "walk_test", table_map, False), delivery)

    assert [(r["walk_test_code"], r["pace_code"], r["trial_no"], r["faults"]) for r in found] == [
        ("10mwt", "fast", 1, [])
    ] * 2
    assert found[0]["row_key"] == f"{ADA}|W3|2025-03-10|10mwt|fast|1"


def test_a_columns_own_missing_words_add_to_the_clinics(
    contract: Contract, delivery: Delivery
) -> None:
    base = mapped(contract, "sessions", "session")
    columns = {
        **base.columns.columns,
        "Planned Min": ColumnMap(field="planned_min", missing=("999",)),
    }
    mapping = Mapping(
        contract,
        base.clinic,
        "session",
        base.columns.model_copy(update={"columns": columns}),
        False,
    )

    rows = text_rows(
        session(**{"Planned Min": "999", "Actual Min": "999"}), session(**{"Planned Min": "N/A"})
    )
    first, second = staged_of(rows, mapping, delivery)

    assert (first["planned_min"], first["actual_min"], second["planned_min"]) == (None, 999.0, None)
    assert first["faults"] == second["faults"] == []
