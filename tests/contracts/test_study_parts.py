"""Subgroups as study.yaml names them: what is accepted, and what is refused."""

import pytest
from pydantic import ValidationError

from pipelines.contracts.study_parts import SubgroupDef


def test_groups_of_codes_and_groups_of_age():
    sex = SubgroupDef(name="Sex", of="sex_code", groups={"women": ["female"], "men": ["male"]})
    age = SubgroupDef(name="Age", of="age_years", from_years={"young": 0, "old": 65})
    assert sex.groups["women"] == ("female",)
    assert age.from_years == {"young": 0, "old": 65}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"of": "sex_code", "groups": {"women": ["female"]}}, "two or more `groups`"),
        ({"of": "age_years", "groups": {"a": [1], "b": [2]}}, "two or more `from_years`"),
        ({"of": "sex_code", "groups": {"a": ["x"], "b": ["x"]}}, "a code in two groups"),
        ({"of": "age_years", "from_years": {"a": 40, "b": 65}}, "starts at 0"),
        ({"of": "baseline", "from_value": {"a": 0, "b": 5}}, "`scale` belongs to `of: baseline`"),
        (
            {"of": "age_years", "scale": "koos.pain", "from_years": {"a": 0, "b": 5}},
            "`scale` belongs",
        ),
        (
            {"of": "baseline", "scale": "koos.pain", "groups": {"a": [0], "b": [5]}},
            "two or more `from_value`",
        ),
        ({"of": "arm", "groups": {"a": ["BW"], "b": ["FW"]}}, "Input should be"),
    ],
)
def test_what_cannot_be_is_refused(given, said):
    with pytest.raises(ValidationError, match=said):
        SubgroupDef.model_validate({"name": "One"} | given)
