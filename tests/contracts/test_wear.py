"""The `wear` part of study.yaml: what is declared, and what is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.contracts.load import load_contract
from pipelines.contracts.wear import WearDef

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def declared(**changed) -> dict:
    body = {
        "valid_day": {"min_worn_h": 10},
        "valid_window": {"min_days": 4, "min_weekend_days": 1},
        "around_visit": {"from": -7, "to": 7},
        "owner": {"least_bouts": 5, "least_other_days": 3, "least_pooled_days": 20, "p": 0.001},
        "bout_classes_s": {"all": {"from": 0}, "10_to_30": {"from": 10, "to": 30}},
    }
    return body | changed


def test_the_study_declares_its_wear_rules():
    wear = load_contract(SCHEMAS).study.wear

    assert wear.valid_day.min_worn_h == 10
    assert wear.bout_classes_s["over_60"].from_ == 60
    assert wear.bout_classes_s["over_60"].to is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"valid_day": {"min_worn_h": 25}}, "less than or equal to 24"),
        ({"valid_window": {"min_days": 2, "min_weekend_days": 3}}, "more than `min_days`"),
        ({"around_visit": {"from": 0, "to": 2}}, "fewer days"),
        ({"around_visit": {"from": 1, "to": 7}}, "less than or equal to 0"),
        ({"bout_classes_s": {"none": {"from": 30, "to": 10}}}, "greater than `from`"),
        ({"bout_classes_s": {}}, "at least 1"),
        ({"non_wear": 1}, "not permitted"),
        ({"owner": declared()["owner"] | {"p": 0.2}}, "less than 0.05"),
    ],
)
def test_what_cannot_be_is_refused(changed, said):
    with pytest.raises(ValidationError, match=said):
        WearDef.model_validate(declared(**changed))
