"""Parts of study.yaml: what reports show and judge by, the programme, and the subgroups planned beforehand."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReportDef(Frozen):
    primary: str
    also: tuple[str, ...] = ()


class ThresholdChoice(Frozen):
    """A published threshold that reports judge change by."""

    scale: str
    purpose: Literal["mdc95", "mcid"]
    population: str


class Progression(Frozen):
    """Limits of the rule by which the dose is raised, kept, lowered or the session stopped."""

    least_dose_share: float = Field(gt=0, le=1)
    most_rpe_borg: float = Field(ge=6, le=20)
    most_pain_rise: float = Field(ge=0, le=10)
    step_back_pain: float = Field(ge=0, le=10)
    stop_hrr_share: float = Field(gt=0, le=1)
    stop_systolic_mmhg: float = Field(gt=0)


class Programme(Frozen):
    weeks: int
    sessions_per_week: int
    interruption_sessions: int
    progression: Progression


class AnalysisDef(Frozen):
    smallest_clinic_cell: int
    smallest_shown_count: int = 5  # fewer people than this are not counted out in open tables
    # Fields of the participant table the allocation was stratified by, besides clinic; models adjust for them.
    strata: tuple[Literal["condition_code", "kl_grade", "sex_code"], ...] = ()
    stance_cap_s: float


class QueriesDef(Frozen):
    """When a clinic is asked again about what it has not answered."""

    overdue_days: int = Field(ge=1)


class EnrolmentGoal(Frozen):
    """How many participants are to be randomised by a date."""

    by_date: dt.date
    participants: int = Field(gt=0)


class EnrolmentDef(Frozen):
    """The plan of enrolment, from its first day over goals that follow and grow."""

    from_date: dt.date
    goals: tuple[EnrolmentGoal, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> EnrolmentDef:
        dates = [self.from_date, *(goal.by_date for goal in self.goals)]
        totals = [0, *(goal.participants for goal in self.goals)]
        if any(b <= a for a, b in [*pairwise(dates), *pairwise(totals)]):
            raise ValueError("`enrolment`: each goal is later and larger than the one before")
        return self


class SubgroupDef(Frozen):
    """Groups of participants by something known at randomisation, named before the data are seen.

    `of` is a code field of the participant table, `age_years`, or `baseline`, the baseline value of `scale`. Groups
    of a field list its codes; groups of age start at `from_years` and groups of a baseline value at `from_value`
    (the lowest at 0).
    """

    name: str
    of: Literal["sex_code", "condition_code", "kl_grade", "beta_blocker", "age_years", "baseline"]
    scale: str | None = None
    groups: dict[str, tuple[str | int | bool, ...]] = Field(default_factory=dict)
    from_years: dict[str, float] = Field(default_factory=dict)
    from_value: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _two_groups(self) -> SubgroupDef:
        wanted = {"age_years": "from_years", "baseline": "from_value"}.get(self.of, "groups")
        given = [name for name in ("groups", "from_years", "from_value") if getattr(self, name)]
        if given != [wanted] or len(getattr(self, wanted)) < 2:
            raise ValueError(
                f"subgroup `{self.name}` needs two or more `{wanted}`, and nothing else"
            )
        listed = [code for codes in self.groups.values() for code in codes]
        if len(set(listed)) < len(listed):
            raise ValueError(f"subgroup `{self.name}` has a code in two groups")
        if (self.scale is not None) != (self.of == "baseline"):
            raise ValueError(
                f"subgroup `{self.name}`: `scale` belongs to `of: baseline`, and is needed there"
            )
        if self.starts and min(self.starts.values()) != 0:
            raise ValueError(f"subgroup `{self.name}`: the lowest group starts at 0")
        return self

    @property
    def starts(self) -> dict[str, float]:
        """Where each group begins, of years or of a baseline value."""
        return self.from_years or self.from_value
