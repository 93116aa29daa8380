"""REDCap exports: the data file, its dictionary, and whether they fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts.shapes import Layout
from pipelines.errors import ContractError
from pipelines.forms import check_against_dictionary, read_dictionary
from pipelines.forms.redcap import checkbox_column

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "redcap"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared/samples is not here")

HEAD = (
    b'"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",'
    b'"Choices, Calculations, OR Slider Labels","Field Note",'
    b'"Text Validation Type OR Show Slider Number","Text Validation Min","Text Validation Max",'
    b'Identifier?,"Branching Logic (Show field only if...)","Required Field?","Custom Alignment",'
    b'"Question Number (surveys only)","Matrix Group Name","Matrix Ranking?","Field Annotation"\n'
)
DICTIONARY = HEAD + (
    b"record_id,intake,,text,ID,,,,,,,,,,,,,\n"
    b"name,intake,,text,Name,,,,,,y,,,,,,,\n"
    b"info,intake,,descriptive,Read this,,,,,,,,,,,,,\n"
    b'side,pain,,radio,Side,"1, Left | 2, Right, mostly",,,,,,,,,,,,\n'
    b'where,pain,,checkbox,Where,"1, Knee|2, Hip | -1, Not said",,,,,,,,,,,,\n'
    b"nprs,pain,,text,Pain,,,integer,0,10,,,,,,,,\n"
    b"better,pain,,yesno,Better?,,,,,,,,,,,,,\n"
    b"sum,pain,,calc,Sum,[nprs]+1,,,,,,,,,,,,\n"
)
COLUMNS = [
    "record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "name",
    "intake_complete", "side", "where___1", "where___2", "where____1", "nprs", "better", "sum",
    "pain_complete",
]  # fmt: skip


def test_the_dictionary_gives_fields_choices_and_bounds(send):
    table = read_dictionary(send(DICTIONARY))

    by_name = {row["field_name"]: row for row in table.iter_rows(named=True)}
    assert list(by_name) == ["record_id", "name", "info", "side", "where", "nprs", "better", "sum"]
    assert by_name["side"]["choices"] == [
        {"code": "1", "label": "Left"},
        {"code": "2", "label": "Right, mostly"},
    ]
    assert [choice["code"] for choice in by_name["where"]["choices"]] == ["1", "2", "-1"]
    assert by_name["better"]["choices"][0] == {"code": "1", "label": "Yes"}
    assert by_name["sum"]["choices"] is None
    assert by_name["nprs"] == {
        "field_name": "nprs",
        "form_name": "pain",
        "field_type": "text",
        "choices": None,
        "validation": "integer",
        "min": "0",
        "max": "10",
        "identifier": False,
    }
    assert by_name["name"]["identifier"] is True


def test_a_file_that_fits_its_dictionary_has_no_problem(send):
    assert check_against_dictionary(COLUMNS, read_dictionary(send(DICTIONARY))) == []


def test_columns_that_do_not_fit_are_named(send):
    columns = [column for column in COLUMNS if column != "nprs"] + ["where___3", "info", "side_v2"]
    assert check_against_dictionary(columns, read_dictionary(send(DICTIONARY))) == [
        ("where___3", "not_in_dictionary"),
        ("info", "not_in_dictionary"),
        ("side_v2", "not_in_dictionary"),
        ("nprs", "not_in_file"),
    ]


@pytest.mark.parametrize(
    ("code", "column"), [("1", "f___1"), ("-1", "f____1"), ("NASK", "f___nask"), ("a.b", "f___ab")]
)
def test_checkbox_columns_are_named_as_redcap_names_them(code, column):
    assert checkbox_column("f", code) == column


@pytest.mark.parametrize(
    "content", [b"", b"id,pain\n1,2\n", HEAD + b"record_id,intake\nname,intake\n", DICTIONARY[:-30]]
)
def test_what_is_no_dictionary_is_the_contract_s_fault(send, content):
    with pytest.raises(ContractError):
        read_dictionary(send(content))


def test_a_truncated_and_a_hostile_export(send, read):
    layout = Layout(header=("record_id", "redcap_event_name"))
    path = send(
        b"record_id,redcap_event_name,note\n"
        b'1,baseline_arm_1,"a ""quoted"" note,\nover two lines"\n'
        b'2,baseline_arm_1,"not closed\n'
        b"3,baseline_arm_1,UNK\n"
    )
    table = read(path, layout, "redcap")
    assert table.rows.rows() == [
        (2, "1", "baseline_arm_1", 'a "quoted" note,\nover two lines'),
        (5, "3", "baseline_arm_1", "UNK"),
    ]
    assert table.broken.rows() == [(4, "broken_quote", '2,baseline_arm_1,"not closed')]


@needs_samples
@pytest.mark.parametrize(
    ("project", "n_rows"),
    [
        ("checkboxes-1", 4),
        ("clinical-trial-1", 500),
        ("decimal-comma", 4),
        ("longitudinal", 18),
        ("potentially-problematic-values", 2),
        ("repeating-instruments", 6),
        ("validation-types-1", 1),
    ],
)
def test_real_exports_read_whole_and_fit_their_dictionaries(read, project, n_rows):
    table = read(SAMPLES / project / "data.csv", Layout(), "redcap")
    dictionary = read_dictionary(SAMPLES / project / "dictionary.csv")
    assert table.rows.height == n_rows
    assert table.broken.height == 0
    assert check_against_dictionary(table.rows.columns, dictionary) == []


@needs_samples
def test_decimal_commas_of_a_real_export_stay_as_sent(read):
    table = read(SAMPLES / "decimal-comma" / "data.csv", Layout(), "redcap")
    assert table.rows["weight"].to_list() == ["52,3", "92,3", "123,4", "45,9"]
