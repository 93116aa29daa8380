"""Every fault in `schemas/` is met at load, and says in which file, at which line, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts.load import load_contract
from pipelines.errors import BackstepError, ContractError, StudyFileError


def spoil(schemas: Path, name: str, old: str, new: str) -> int:
    """Replaces the one place of `old` in a file; the line on which the change begins."""
    path = schemas / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
    at = text.index(old)
    path.write_text(text.replace(old, new), encoding="utf-8")
    same = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    return text[:at].count("\n") + old[:same].count("\n") + 1


def fault_of(schemas: Path) -> BackstepError:
    with pytest.raises(BackstepError) as caught:
        load_contract(schemas)
    return caught.value


ALDER = "clinics/alder.yaml"
FAULTS = {
    "unknown key of a clinic": (
        ALDER, 'decimal: "."\n', 'decimal: "."\ncolour: blue\n', "not known here"),
    "duplicate key": (
        ALDER, "language: en\n", "language: en\nlanguage: de\n", "`language` stands twice"),
    "duplicate column": (
        ALDER, "          Sex: sex_code\n", "          Sex: sex_code\n          Sex: birth_year\n",
        "`Sex` stands twice"),
    "unknown key of a field": (
        "fields.yaml", "height_cm: {type: decimal,", "height_cm: {typo: decimal,", "height_cm"),
    "unknown type of a field": (
        "fields.yaml", "kl_grade: {type: integer,", "kl_grade: {type: whole,", "kl_grade.type"),
    "unknown unit of a field": (
        "fields.yaml", "height_cm: {type: decimal, unit: cm,", "height_cm: {type: decimal, unit: zoll,",
        "unit `zoll` is not known"),
    "code field without its list": (
        "fields.yaml", "sex_code: {type: code, codes: sex,", "sex_code: {type: code,", "names its list"),
    "unknown code list": (
        "fields.yaml", "codes: sex,", "codes: gender,", "code list `gender` is not in codes.yaml"),
    "span upside down": (
        "fields.yaml", "valid: [100, 230]", "valid: [230, 100]", "lower end above its upper end"),
    "span of two kinds": (
        "fields.yaml", "valid: [100, 230]", 'valid: [100, "230"]', "two numbers or two dates"),
    "span of dates upside down": (
        "fields.yaml", 'wear_date: {type: date, valid: ["2024-01-01", "2035-12-31"]',
        'wear_date: {type: date, valid: ["2036-01-01", "2035-12-31"]', "lower end above"),
    "code list that is no mapping": (
        "codes.yaml", "sex: {female: female, male: male, other: other or not stated}",
        "sex: female, male", "a code list is"),
    "unknown field of a table": (
        "tables/fall.yaml", "hopkins_grade]", "hopkins]", "field `hopkins` is not in fields.yaml"),
    "template of a table that fits no field": (
        "tables/koos.yaml", '"koos_{}"]', '"kos_{}"]', "field `kos_{}` is not in fields.yaml"),
    "key that is no field of the table": (
        "tables/fall.yaml", "key: [participant_id, fall_no]", "key: [participant_id, ae_no]",
        "`ae_no` is not a field of this table"),
    "rule with an unknown column": (
        "tables/fall.yaml", "holds: reported_date >= fall_date", "holds: reported >= fall_date",
        "`reported`"),
    "rule with a function": (
        "tables/fall.yaml", "holds: reported_date >= fall_date", "holds: getenv('HOME') = 'x'",
        "may not be used in a rule"),
    "rule of unknown severity": (
        "tables/fall.yaml", "severity: quarantine", "severity: serious", "severity"),
    "cross-table rule on an unknown table": (
        "tables/fall.yaml", "{table: session, match", "{table: sessions, match",
        "table `sessions` is not declared"),
    "cross-table rule on an unknown column": (
        "tables/fall.yaml", "session_no: session_no", "session_no: session",
        "not columns of both tables"),
    "local date of what is no instant": (
        "tables/wear_bout.yaml", '"local_date(start_utc) >=', '"local_date(device_serial) >=',
        "`device_serial` is none"),
    "unknown time zone": (
        ALDER, "time_zone: America/New_York", "time_zone: America/Boston", "`America/Boston`"),
    "unknown encoding": (ALDER, "encoding: utf-8", "encoding: utf-88", "`utf-88` is not an encoding"),
    "unknown date order": (ALDER, "dates: MM/DD/YYYY", "dates: MM/DD/YY", "write the date order"),
    "mixed date marks": (ALDER, "dates: MM/DD/YYYY", "dates: MM/DD-YYYY", "write the date order"),
    "unknown time style": (ALDER, "times: h:mm AM/PM", "times: h.mm", "times"),
    "one mark for decimals and thousands": (
        ALDER, 'decimal: "."\n', 'decimal: "."\nthousands: "."\n', "are the same mark"),
    "prefix of three digits": (ALDER, 'prefix: "01"', 'prefix: "011"', "prefix"),
    "prefix read as a number": (ALDER, 'prefix: "01"', "prefix: 10", "prefix"),
    "two clinics with one prefix": (
        "clinics/birke.yaml", 'prefix: "02"', 'prefix: "01"', "prefix 01 belongs to alder"),
    "words for an unknown list": (
        ALDER, "  sex: {Female: female", "  sexe: {Female: female", "code list `sexe`"),
    "word for an unknown code": (
        ALDER, "sex: {Female: female,", "sex: {Female: woman,", "`woman` is not a code of `sex`"),
    "column words for an unknown code": (
        ALDER, "Sex: sex_code", "Sex: {field: sex_code, words: {F: woman}}",
        "`woman` is not a code of `sex`"),
    "codes without any words": (
        ALDER, "  sex: {Female: female, Male: male, Other: other}\n", "", "no `words` say",
        "Sex: sex_code"),
    "unknown field of a column": (
        ALDER, "Sex: sex_code", "Sex: sex", "`sex` is not a field of participant"),
    "template of a column that fits no field": (
        ALDER, '"BBS{}": "berg_{}"', '"BBS{}": "borg_{}"', "`borg_{}` is not a field of berg"),
    "one field from two columns": (
        ALDER, "Birth Year: birth_year", "Birth Year: kl_grade", "`kl_grade` is given twice",
        "KL Grade: kl_grade"),
    "unit that cannot become the field's": (
        ALDER, "{field: weight_kg, unit: lb}", "{field: weight_kg, unit: ft}",
        "unit `ft` cannot become kg"),
    "feet and inches of a weight": (
        ALDER, "{field: weight_kg, unit: lb}", "{field: weight_kg, unit: ft_in}",
        "unit `ft_in` cannot become kg"),
    "unknown unit of a column": (
        ALDER, "{field: weight_kg, unit: lb}", "{field: weight_kg, unit: stones}",
        "unit `stones` cannot become kg"),
    "column of two meanings": (
        ALDER, "{field: weight_kg, unit: lb}", "{field: weight_kg, time_of: start_utc}",
        "exactly one of"),
    "instant given as a field": (
        ALDER, "Entered: {local_of: entered_utc}", "Entered: entered_utc", "is an instant"),
    "clock time of what is no instant": (
        ALDER, "Entered: {local_of: entered_utc}", "Entered: {local_of: session_note}", "is not an instant"),
    "clock time without its date": (
        ALDER, "          start_utc: {date: Scheduled, time: Start}\n", "",
        "does not say which date"),
    "instant from an unknown column": (
        ALDER, "{date: Scheduled, time: Start}", "{date: Planned, time: Start}",
        "column `Planned` is not under `columns`"),
    "required field not mapped": (
        ALDER, "          Randomized: randomised_date\n", "",
        "required field `randomised_date` is not mapped"),
    "table that does not exist": (
        ALDER, "      fall_diary:", "      diary:", "table `diary` is not declared"),
    "file name without its date": (
        ALDER, r"'participants_(?P<sent>\d{8})\.csv'", r"'participants_\d{8}\.csv'", "group `sent`"),
    "file name that is no pattern": (
        ALDER, r"'participants_(?P<sent>\d{8})\.csv'", r"'participants_(?P<sent>\d{8}\.csv'",
        "not a regular expression"),
    "file kind of an unknown format": (
        ALDER, "    format: device\n    keyed: increment\n    devices: [fit]",
        "    format: gpx\n    keyed: increment\n    devices: [fit]", "format"),
    "file expected every zero days": (
        ALDER, "name: 'participants_(?P<sent>\\d{8})\\.csv'\n    format: csv\n    keyed: increment\n    every_days: 7",
        "name: 'participants_(?P<sent>\\d{8})\\.csv'\n    format: csv\n    keyed: increment\n    every_days: 0",
        "every_days"),
    "files that are a list": (
        "clinics/cedro.yaml", "files:\n  redcap:\n", "files: [redcap]\nmore:\n  redcap:\n", "files"),
    "not YAML": (ALDER, "name: Alder Clinic, Boston", "name: [Alder Clinic, Boston", "not YAML"),
    "a tab for an indentation": (ALDER, "words:\n  boolean:", "words:\n\tboolean:", "not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_a_contract_fault_names_file_line_and_remedy(case: str, schemas: Path) -> None:
    name, old, new, said, *elsewhere = FAULTS[case]
    line = spoil(schemas, name, old, new)

    fault = fault_of(schemas)

    assert type(fault) is ContractError
    assert said in fault.what
    assert fault.remedy
    file, _, at = fault.where.rpartition(":")
    assert file == Path(name).name
    if elsewhere:
        lines = (schemas / name).read_text(encoding="utf-8").splitlines()
        line = 1 + next(k for k, text in enumerate(lines) if elsewhere[0] in text)
    # Where something is missing from a block, the block's own first line is named.
    whole = ("required field", "exactly one", "does not say", "same mark", "not YAML")
    missing = any(words in fault.what for words in whole)
    assert int(at) <= line + 1 if missing else abs(int(at) - line) <= 1


STUDY_FAULTS = {
    "overlapping windows": ("  W3: {target: 21, from: 17, to: 25}", "  W3: {target: 21, from: 17, to: 35}",
                            "visit windows W3 and W6 overlap"),
    "target outside its window": ("{target: 42, from: 35, to: 49}", "{target: 52, from: 35, to: 49}",
                                  "outside the window"),
    "unknown primary visit": ("primary_visit: W6", "primary_visit: W5", "primary visit"),
    "form due at an unknown visit": ("berg: [BL, W6, W12, W26]", "berg: [BL, W5]", "expected_forms"),
    "unknown form due": ("  berg: [BL, W6, W12, W26]", "  berc: [BL, W6, W12, W26]", "`berc`"),
    "unknown key": ("primary_visit: W6", "primary_visit: W6\nmoon: full", "not known"),
    "no smallest cell": ("  smallest_clinic_cell: 5\n", "", "smallest_clinic_cell"),
}  # fmt: skip


@pytest.mark.parametrize("case", STUDY_FAULTS)
def test_a_fault_of_the_study_file_is_one_of_the_study(case: str, schemas: Path) -> None:
    old, new, said = STUDY_FAULTS[case]
    spoil(schemas, "study.yaml", old, new)

    fault = fault_of(schemas)

    assert type(fault) is StudyFileError
    assert said in fault.what
    assert fault.where.startswith("study.yaml:")
    assert fault.remedy


def test_a_correction_without_its_reason_is_refused_with_its_line(schemas: Path) -> None:
    (schemas / "corrections.yaml").write_text(
        "corrections:\n"
        "  - {table: fall, clinic_id: alder, match: {fall_no: '1'}, field: in_session, expect: true,\n"
        "     value: false, by: A. Person, decided_date: '2025-11-01'}\n"
    )

    fault = fault_of(schemas)

    assert type(fault) is StudyFileError
    assert "reason" in fault.what
    assert fault.where == "corrections.yaml:2"


@pytest.mark.parametrize("name", ["fields.yaml", "codes.yaml", "study.yaml", "corrections.yaml"])
def test_a_missing_file_is_named(name: str, schemas: Path) -> None:
    (schemas / name).unlink()

    fault = fault_of(schemas)

    assert name in fault.what
    assert fault.remedy


def test_yaml_of_another_shape_is_a_fault_and_no_traceback(schemas: Path) -> None:
    for text in ("[]", "3", "- a\n- b", "files: 3\n"):
        (schemas / "clinics" / "alder.yaml").write_text(text)

        fault = fault_of(schemas)

        assert type(fault) is ContractError
        assert fault.where.startswith("alder.yaml:")
