"""One line for every numbered item: fields, tables, clinics' columns."""

from __future__ import annotations

import pytest

from pipelines.contracts import series
from pipelines.contracts.model import Contract, FieldDef

POINTS = FieldDef(type="integer", description="x")
FIELDS = dict.fromkeys(
    ["q_p1", "q_p2", "q_p10", "q_s1", "q_s2", "q_sp1", "q_sp2", "nprs_now", "nprs_worst_24h", "other"],
    POINTS,
)  # fmt: skip


def test_a_field_stands_for_each_item_with_its_own_description() -> None:
    body = {"items": ["p1", "s7"], "type": "integer", "description": "Item {}, 0 to 4."}

    found = dict(series.expand_field("koos_{}", body))

    assert found == {
        "koos_p1": {"type": "integer", "description": "Item p1, 0 to 4."},
        "koos_s7": {"type": "integer", "description": "Item s7, 0 to 4."},
    }


def test_a_field_without_template_stands_for_itself() -> None:
    body = {"type": "text", "description": "x"}

    assert list(series.expand_field("sport", body)) == [("sport", body)]


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("q_p{}", ["q_p1", "q_p2", "q_p10"]),
        ("q_s{}", ["q_s1", "q_s2"]),  # and not q_sp1
        ("q_sp{}", ["q_sp1", "q_sp2"]),
        ("nprs_{}", ["nprs_now", "nprs_worst_24h"]),
        ("other", ["other"]),
        ("oth{}", ["oth{}"]),  # fits nothing: kept, so that the fault is met by name
    ],
)
def test_a_table_lists_the_fields_that_a_template_fits(template: str, names: list[str]) -> None:
    body = series.expand_table({"required": [template], "optional": []}, FIELDS)

    assert body["required"] == names


def test_a_clinics_columns_are_numbered_as_the_fields_are() -> None:
    columns = {"P{}": "q_p{}", "S{}": {"field": "q_s{}", "missing": ["9"]}, "Now": "nprs_now"}
    body = {"files": {"f": {"tables": {"t": {"columns": columns}}}}}

    found = series.expand_clinic(body, FIELDS)["files"]["f"]["tables"]["t"]["columns"]

    assert found == {
        "P1": "q_p1",
        "P2": "q_p2",
        "P10": "q_p10",
        "S1": {"field": "q_s1", "missing": ["9"]},
        "S2": {"field": "q_s2", "missing": ["9"]},
        "Now": "nprs_now",
    }


def test_the_koos_form_has_its_42_items_in_every_clinic_that_sends_it(contract: Contract) -> None:
    # Items per subscale: pain 9, symptoms 7, daily living 17, sport 5, quality of life 4.
    counts = {"p": 9, "s": 7, "a": 17, "sp": 5, "q": 4}
    wanted = {f"koos_{part}{n}" for part, top in counts.items() for n in range(1, top + 1)}

    assert wanted == {f for f in contract.tables["koos"].fields if f.startswith("koos_")}
    for clinic in contract.clinics.values():
        maps = [f.tables["koos"] for f in clinic.files.values() if "koos" in f.tables]
        assert len(maps) == 1
        assert wanted <= {m.field for m in maps[0].columns.values()}
