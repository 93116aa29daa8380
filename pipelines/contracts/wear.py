"""What the study counts as worn, and how it groups walking bouts: the `wear` part of study.yaml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ValidDay(Frozen):
    min_worn_h: float = Field(gt=0, le=24)


class ValidWindow(Frozen):
    """How many valid days make a window around a visit count, and how many of them on Saturday or Sunday."""

    min_days: int = Field(ge=1)
    min_weekend_days: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _possible(self) -> ValidWindow:
        if self.min_weekend_days > self.min_days:
            raise ValueError("`min_weekend_days` is more than `min_days`")
        return self


class DaySpan(Frozen):
    """Days before and after a visit, both ends counted."""

    from_: int = Field(alias="from", le=0)
    to: int = Field(ge=0)


class BoutClass(Frozen):
    """Walking bouts of `from` seconds and more, and of less than `to` where it is given."""

    from_: float = Field(alias="from", ge=0)
    to: float | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> BoutClass:
        if self.to is not None and self.to <= self.from_:
            raise ValueError("`to` must be greater than `from`")
        return self


class Owner(Frozen):
    """When a day's walking is compared with its participant's other days, and how unlike is unlike.

    `least_pooled_days` are days of the whole study from which the day-to-day spread is known; `p` is the share
    of a participant's own days that are called unlike by chance.
    """

    least_bouts: int = Field(ge=1)
    least_other_days: int = Field(ge=2)
    least_pooled_days: int = Field(ge=10)
    p: float = Field(gt=0, lt=0.05)


class WearDef(Frozen):
    valid_day: ValidDay
    valid_window: ValidWindow
    around_visit: DaySpan
    bout_classes_s: dict[str, BoutClass] = Field(min_length=1)
    owner: Owner

    @model_validator(mode="after")
    def _window_holds_the_days(self) -> WearDef:
        n_days = self.around_visit.to - self.around_visit.from_ + 1
        if n_days < self.valid_window.min_days:
            raise ValueError("`around_visit` has fewer days than `valid_window` asks for")
        return self
