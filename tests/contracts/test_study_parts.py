"""Subgroups as study.yaml names them: what is accepted, and what is refused."""

import pytest
from pydantic import ValidationError

from pipelines.contracts.study_parts import EnrolmentDef, SubgroupDef


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


def _enrolment(*goals: tuple[str, int], start: str = "2025-02-01") -> EnrolmentDef:
    return EnrolmentDef.model_validate(
        {"from_date": start, "goals": [{"by_date": day, "participants": n} for day, n in goals]}
    )


def test_goals_of_enrolment_follow_each_other_and_grow():
    assert _enrolment(("2025-06-01", 48), ("2025-10-01", 120)).goals[1].participants == 120


@pytest.mark.parametrize(
    "goals",
    [
        [("2025-06-01", 48), ("2025-05-01", 120)],
        [("2025-06-01", 48), ("2025-10-01", 48)],
        [("2025-01-01", 48)],
        [],
    ],
)
def test_a_plan_that_cannot_be_is_refused(goals):
    with pytest.raises(ValidationError):
        _enrolment(*goals)
