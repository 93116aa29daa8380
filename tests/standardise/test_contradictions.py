"""A file that contradicts what its clinic declared is refused whole; a slip in a cell is not."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.contracts.model import Contract
from pipelines.contracts.shapes import Delivery
from pipelines.errors import DeliveryRefused
from pipelines.identity import make_id
from pipelines.standardise.columns import Mapping, records_of, stage
from pipelines.standardise.contradictions import Evidence, judge, weigh

OWN, OTHER = make_id("01", 1), make_id("02", 1)


def reason(
    contract: Contract, delivery: Delivery, *batches: list[dict[str, str]], **clinic: object
) -> str | None:
    """Why the file made of these batches is refused, or None."""
    alder = contract.clinics["alder"]
    table_map = alder.files["participants"].tables["participant"]
    mapping = Mapping(contract, alder.model_copy(update=clinic), "participant", table_map, False)
    evidence = Evidence()
    blank = dict.fromkeys(table_map.columns, "") | {"Subject ID": OWN}
    for batch in batches:
        rows = pl.DataFrame([{**blank, **row} for row in batch]).with_row_index("row_no", 2)
        cells = records_of(rows.cast({"row_no": pl.Int64}), mapping)
        weigh(evidence, cells, stage(cells, mapping, delivery), mapping)
    assert evidence.rows == sum(len(batch) for batch in batches)
    try:
        judge(evidence, mapping, "some.csv")
    except DeliveryRefused as fault:
        return fault.reason if fault.remedy and fault.where == "some.csv" else "says too little"
    return None


def dates(*cells: str) -> list[dict[str, str]]:
    return [{"Randomized": cell} for cell in cells]


def pounds(*cells: str) -> list[dict[str, str]]:
    return [{"Weight (lb)": cell} for cell in cells]


def codes(*cells: str) -> list[dict[str, str]]:
    return [{"Subject ID": cell} for cell in cells]


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        (["03/04/2025", "05/06/2025"], False),  # could be either: the declaration stands
        (["03/13/2025", "03/04/2025"], False),
        (
            ["13/03/2025", "03/04/2025"],
            True,
        ),  # one day above twelve decides, nothing speaks for the declared order
        (["13/03/2025", "03/13/2025"], False),  # a slip: the row is held, not the file
        (["99/99/2025"], False),  # no date in any order
        (["", "N/A"], False),
        (["2025-03-13"], False),  # unreadable, yet no sign of a changed order
    ],
)
def test_one_impossible_month_in_a_whole_file_changes_its_order(
    contract: Contract, delivery: Delivery, cells: list[str], refused: bool
) -> None:
    assert reason(contract, delivery, dates(*cells)) == (
        "date_order_contradicted" if refused else None
    )


def test_evidence_is_weighed_over_all_batches(contract: Contract, delivery: Delivery) -> None:
    assert reason(contract, delivery, dates("13/03/2025"), dates("03/13/2025")) is None
    assert (
        reason(contract, delivery, dates("03/04/2025"), dates("13/03/2025"))
        == "date_order_contradicted"
    )
    assert reason(contract, delivery, pounds("176,5"), pounds("180.5")) is None
    assert reason(contract, delivery, codes(OTHER), codes(OWN)) is None


def test_years_first_cannot_be_changed_over(contract: Contract, delivery: Delivery) -> None:
    assert reason(contract, delivery, dates("2025-13-03"), dates="YYYY-MM-DD") is None


@pytest.mark.parametrize(
    ("decimal", "cells", "refused"),
    [
        (".", ["176,5", "180"], True), (".", ["176,5", "180.5"], False), (".", ["176", "180"], False),
        (".", ["heavy"], False), (",", ["176.5", "180"], True), (",", ["176.5", "180,5"], False), (".", ["", "N/A"], False),
    ],
)  # fmt: skip
def test_a_file_whose_numbers_all_use_the_other_mark_is_refused(
    contract: Contract, delivery: Delivery, decimal: str, cells: list[str], refused: bool
) -> None:
    found = reason(contract, delivery, pounds(*cells), decimal=decimal)

    assert found == ("decimal_mark_contradicted" if refused else None)


@pytest.mark.parametrize(
    ("ids", "refused"),
    [([OTHER, OTHER], True), ([OTHER, OWN], False), ([OWN], False), (["nonsense"], False), ([OTHER, "nonsense"], True),
     ([""], False)],
)  # fmt: skip
def test_a_file_of_another_clinics_participants_only_is_refused(
    contract: Contract, delivery: Delivery, ids: list[str], refused: bool
) -> None:
    assert reason(contract, delivery, codes(*ids)) == ("wrong_clinic" if refused else None)


def unit_reason(
    contract: Contract,
    delivery: Delivery,
    kind: str,
    table: str,
    column: str,
    cells: list[str],
    clinic: str = "alder",
) -> str | None:
    """Why the file of one clinic with these cells in one column is refused, or None."""
    body = contract.clinics[clinic]
    table_map = body.files[kind].tables[table]
    mapping = Mapping(contract, body, table, table_map, False)
    evidence = Evidence()
    code = next(
        name for name, meaning in table_map.columns.items() if meaning.field == "participant_id"
    )
    blank = dict.fromkeys(table_map.columns, "") | {code: make_id(body.prefix, 1)}
    for batch in (cells[:12], cells[12:]):
        rows = pl.DataFrame([{**blank, column: cell} for cell in batch]).with_row_index("row_no", 2)
        read = records_of(rows.cast({"row_no": pl.Int64}), mapping)
        weigh(evidence, read, stage(read, mapping, delivery), mapping)
    try:
        judge(evidence, mapping, "some.csv")
    except DeliveryRefused as fault:
        said = column in str(fault) and "some.csv" in str(fault)
        return fault.reason if said else "says too little"
    return None


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        (["10.0", "9.9", "3.2", "0.4"] * 6, True),  # a line of 10 cm, declared in mm
        (["10.0", "9.9", "3.2", "0.4"] * 4, False),  # 16 marks are too few to tell
        (["3", "1", "4", "0", "2"] * 5 + ["55", "60", "71"], False),  # 3 of 28 above: many are well, some are not
        (["3", "1", "4", "0", "2"] * 5 + ["55", "60"], True),  # 2 of 27
        (["", "52"] * 12, False),
        (["37", "52", "88", "100"] * 6, False),
    ],
)  # fmt: skip
def test_a_line_in_centimetres_is_not_read_as_one_in_millimetres(
    contract, delivery, cells, refused
):
    found = unit_reason(contract, delivery, "ratings", "patient_rating", "Pain VAS (mm)", cells)
    assert found == ("unit_contradicted" if refused else None)


@pytest.mark.parametrize(
    ("pounds_force", "refused"),
    [
        (["45", "67.4", "30", "22.5"], False),  # 300 N and less
        (["200", "300", "133", "450"], True),  # newtons under the heading of pounds: 2,002 N
        (
            ["20.4", "30.6", "13.6", "10.2"],
            False,
        ),  # 136 N, of the weak or in kilograms: nobody can tell
        (["2.0", "3.1", "1.4", "1.0"], True),  # 14 N
    ],
)
def test_forces_of_another_unit_refuse_the_file(contract, delivery, pounds_force, refused):
    found = unit_reason(contract, delivery, "strength", "strength", "Force (lbf)", pounds_force * 6)
    assert found == ("unit_contradicted" if refused else None)


@pytest.mark.parametrize(
    ("column", "cells", "refused"),
    [
        ("Torque (Nm)", ["105.2", "61.0", "88.4", "47.3"], False),
        ("Torque (Nm)", ["1.31", "0.76", "1.10", "0.59"], True),  # Nm/kg under the heading of Nm
        ("Torque (Nm)", ["10520", "6100", "8840", "4730"], True),  # newton centimetres
        ("Torque/Mass (Nm/kg)", ["1.31", "0.76", "1.10", "0.59"], False),
        (
            "Torque/Mass (Nm/kg)",
            ["105.2", "61.0", "88.4", "47.3"],
            True,
        ),  # Nm, or per cent of body mass
    ],
)
def test_torques_of_another_unit_refuse_the_file(contract, delivery, column, cells, refused):
    found = unit_reason(contract, delivery, "assessments", "strength", column, cells * 6, "deodar")
    assert found == ("unit_contradicted" if refused else None)
