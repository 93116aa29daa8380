"""Generated files: drift is found however it came about, and mended; they say all that the contract says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from pipelines.contracts import derive
from pipelines.contracts.across import across_rules, across_view
from pipelines.contracts.expectations import suite
from pipelines.contracts.model import Contract
from pipelines.contracts.open_views import SHARED, open_columns, open_select
from pipelines.contracts.rule_list import LINE_TABLE, reveals_arm, rules_of
from pipelines.contracts.tables import create_table, duckdb_type

ROOT = Path(__file__).parents[2]


@pytest.fixture
def written(contract: Contract, tmp_path: Path) -> Path:
    derive.write(contract, tmp_path)
    return tmp_path


def test_the_committed_files_are_what_the_contract_gives(contract: Contract) -> None:
    assert derive.drift(contract, ROOT) == []


def test_what_was_just_written_has_not_drifted(contract: Contract, written: Path) -> None:
    assert derive.drift(contract, written) == []
    assert derive.write(contract, written) == []


@pytest.mark.parametrize(
    "name", ["schemas/DICTIONARY.md", "schemas/expectations/across_session.json", "sql/ddl/core_fall.sql",
             "sql/open/ref_rule.sql"],
)  # fmt: skip
@pytest.mark.parametrize(
    "how", ["edited", "missing", "an empty line more", "other line ends", "not text"]
)
def test_drift_is_found_and_mended(contract: Contract, written: Path, name: str, how: str) -> None:
    path = written / name
    good = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        edited = {
            "edited": good[:-9],
            "an empty line more": good + b"\n",
            "other line ends": good.replace(b"\n", b"\r\n"),
            "not text": b"\xff\xfe\x00",
        }
        path.write_bytes(edited[how])

    assert derive.drift(contract, written) == [name]
    assert derive.write(contract, written) == [name]
    assert path.read_bytes() == good
    assert derive.drift(contract, written) == []


@pytest.mark.parametrize(
    "name", ["schemas/expectations/gone.json", "sql/ddl/core_gone.sql", "docs/sending/gone.md"]
)
def test_a_superfluous_file_is_found_and_removed(
    contract: Contract, written: Path, name: str
) -> None:
    (written / name).write_text("left over\n")

    assert derive.drift(contract, written) == [name]
    derive.write(contract, written)
    assert not (written / name).exists()


def test_the_dictionary_has_every_table_field_code_and_rule(contract: Contract) -> None:
    text = derive.generated(contract)["schemas/DICTIONARY.md"]
    parts = re.split(r"^## ", text, flags=re.MULTILINE)
    sections = {part.split("\n", 1)[0]: part for part in parts[1:]}

    for table, declared in contract.tables.items():
        for name in declared.fields:
            assert f"| `{name}` |" in sections[table], (table, name)
        for rule in [*rules_of(contract, table), *across_rules(contract, table)]:
            assert f"| `{rule.name}` | {rule.kind} | {rule.severity} |" in sections[table], (
                table,
                rule.name,
            )
    for name, codes in contract.codes.items():
        assert f"**{name}**" in sections["Code lists"]
        for code in codes:
            assert f"`{code}`" in sections["Code lists"], (name, code)


def test_every_line_of_the_dictionarys_tables_has_as_many_cells_as_its_header(
    contract: Contract,
) -> None:
    for path, text in derive.generated(contract).items():
        if not path.endswith(".md"):
            continue
        width = None
        for line in text.splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
            assert cells is None or width in (None, cells), (path, line)
            width = cells


def test_a_sending_guide_names_every_column_file_and_word_of_its_clinic(contract: Contract) -> None:
    for clinic in contract.clinics.values():
        guide = derive.generated(contract)[f"docs/sending/{clinic.clinic_id}.md"]
        for file in clinic.files.values():
            assert f"`{file.name}`" in guide
            for table_map in file.tables.values():
                for column in table_map.columns:
                    assert f"| `{column}` |" in guide.replace("\\|", "|"), (
                        clinic.clinic_id,
                        column,
                    )
        used = {
            contract.fields[m.field].codes or "boolean"
            for file in clinic.files.values()
            for table_map in file.tables.values()
            for m in table_map.columns.values()
            if m.field and contract.fields[m.field].type in ("code", "boolean") and m.words is None
            and (contract.fields[m.field].codes or "boolean") not in table_map.words
        }  # fmt: skip
        for name in used:
            for word in clinic.words[name]:
                assert f"{word} = " in guide, (clinic.clinic_id, name, word)


def test_the_ddl_is_sql_that_duckdb_takes_with_a_comment_on_every_column(
    contract: Contract,
) -> None:
    with duckdb.connect() as con:
        for table, declared in contract.tables.items():
            if declared.answers is None:
                con.execute(create_table(contract, table))
                found = con.execute(
                    "SELECT column_name, data_type, comment, is_nullable FROM duckdb_columns() WHERE table_name = ?",
                    [f"core_{table}"],
                ).fetchall()
                types = {name: kind for name, kind, _, _ in found}
                for name in declared.fields:
                    assert types[name] == duckdb_type(contract.fields[name])
                assert all(comment for _, _, comment, _ in found)
                given = {name for name, _, _, nullable in found if not nullable}
                assert given == {*declared.required, "clinic_id", "delivery_id", "row_no"}


# --- the open side


def test_no_open_column_reveals_identifies_or_dates(contract: Contract) -> None:
    for table in contract.tables:
        for name, sql in open_columns(contract, table).items():
            source = sql.removeprefix("t.")
            field = contract.fields.get(name)
            assert sql == f"t.{name}" == f"t.{source}"
            assert field is None or (not field.reveals and not field.identifies)
            assert field is None or field.type not in ("date", "instant")
        assert not {"sent", "arm", "faults", "row_key"} & set(open_columns(contract, table))


def test_the_day_of_a_marked_date_stays_closed_too(contract: Contract) -> None:
    fields = dict(contract.fields)
    fields["onset_date"] = fields["onset_date"].model_copy(update={"identifies": True})
    fields["end_date"] = fields["end_date"].model_copy(update={"reveals": "arm"})
    marked = contract.model_copy(update={"fields": fields})

    names = set(open_columns(marked, "adverse_event"))

    assert not {"onset_date", "onset_day", "end_date", "end_day"} & names
    assert "reported_day" in names


def test_marking_a_field_closes_it(contract: Contract) -> None:
    fields = dict(contract.fields)
    fields["sex_code"] = fields["sex_code"].model_copy(update={"reveals": "arm"})

    assert "sex_code" in open_select(contract, "participant")
    assert "sex_code" not in open_select(
        contract.model_copy(update={"fields": fields}), "participant"
    )


def test_what_tells_the_arm_is_marked(contract: Contract) -> None:
    """By hand from the study's design: direction, its correlates, and free text about either."""
    revealing = {"arm", "direction_code", "therapist_code", "support_code", "treadmill_speed_mps", "session_note",
                 "belt_direction_code", "speed_mean_mps", "ae_term", "fall_note", "relatedness_code", "assessor_code"}  # fmt: skip
    identifying = {
        "device_serial",
        "birth_year",
        "entered_by",
        "session_note",
        "fall_note",
        "ae_term",
        "changed_reason",
    }

    assert all(contract.fields[name].reveals == "arm" for name in revealing)
    assert all(contract.fields[name].identifies for name in identifying)


def test_shared_tables_let_no_date_or_arm_through() -> None:
    for columns in SHARED.values():
        assert not [name for name in columns if name.endswith(("_date", "_utc")) or "arm" in name]


# --- Great Expectations suites


def test_suites_and_rules_agree_one_to_one(contract: Contract) -> None:
    severities = {"refuse": "critical", "quarantine": "warning", "flag": "info"}
    for table in [*contract.tables, LINE_TABLE]:
        rules = {table: rules_of(contract, table)}
        if table != LINE_TABLE:
            rules[f"across_{table}"] = across_rules(contract, table)
        for name, listed in rules.items():
            said = json.loads(
                (ROOT / "schemas" / "expectations" / f"{name}.json").read_text("utf-8")
            )
            assert said["name"] == name
            assert [e["meta"]["rule"] for e in said["expectations"]] == [
                rule.name for rule in listed
            ]
            for expectation, rule in zip(said["expectations"], listed, strict=True):
                assert expectation["type"] == rule.expectation["type"]
                assert expectation["severity"] == severities[rule.severity]
                assert expectation["meta"]["remedy"] == rule.remedy


def test_a_rules_name_is_its_own_within_a_table(contract: Contract) -> None:
    for table in contract.tables:
        names = [r.name for r in [*rules_of(contract, table), *across_rules(contract, table)]]
        assert len(names) == len(set(names))


def test_no_rule_of_a_table_is_named_like_a_rule_of_lines(contract: Contract) -> None:
    of_lines = {rule.name for rule in rules_of(contract, LINE_TABLE)}

    assert not [
        r.name for table in contract.tables for r in rules_of(contract, table) if r.name in of_lines
    ]


def test_a_suite_is_plain_json(contract: Contract) -> None:
    rules = rules_of(contract, "session")

    assert json.loads(json.dumps(suite("session", rules))) == suite("session", rules)


def test_each_kind_of_field_gives_its_column_rules(contract: Contract) -> None:
    rules = {rule.name: rule for rule in rules_of(contract, "participant")}

    assert rules["arm_given"].breaks == "arm IS NULL"
    assert rules["height_cm_valid"].breaks == "height_cm NOT BETWEEN 100 AND 230"
    assert rules["height_cm_valid"].severity == "quarantine"
    assert rules["height_cm_plausible"].severity == "flag"
    assert rules["randomised_date_valid"].breaks == (
        "randomised_date NOT BETWEEN DATE '2024-01-01' AND DATE '2035-12-31'"
    )
    assert {"unreadable_number", "unreadable_date", "unknown_code", "wrong_check_digit"} <= set(
        rules
    )
    assert "unreadable_time" not in rules  # the table has no instant


def test_rules_on_arm_fields_are_told_from_others(contract: Contract) -> None:
    by_name = {
        rule.name: rule
        for rule in [*rules_of(contract, "session"), *across_rules(contract, "session")]
    }
    tells = {name for name, rule in by_name.items() if reveals_arm(contract, rule)}

    assert {"backward_speed_plausible", "walked_as_allocated", "rpe_valid", "nprs_post_valid",
            "assessor_is_not_therapist", "direction_given_when_attended"} <= tells  # fmt: skip
    assert not {"session_ends_after_start", "attended_given", "not_before_randomisation", "one_row_per_key",
                "reason_given_when_missed", "planned_min_valid"} & tells  # fmt: skip


def test_the_view_of_cross_table_rules_has_a_truth_for_each(contract: Contract) -> None:
    for table in contract.tables:
        sql = across_view(contract, table)
        for rule in across_rules(contract, table):
            assert f" AS {rule.name}" in sql
            assert rule.breaks == f"NOT {rule.name}"
