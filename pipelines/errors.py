"""Every error a person may see: what happened, where, what to do. Never a participant's value."""

from __future__ import annotations


class BackstepError(Exception):
    """Printed without a traceback; `exit_code` tells a scheduler which kind of failure it was."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__("\n".join(part for part in (what, where, remedy) if part))

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += f"\n  where: {self.where}"
        if self.remedy:
            text += f"\n  what to do: {self.remedy}"
        return text


class DeliveryRefused(BackstepError):
    """A whole file is held. `reason` is a short stable code, e.g. `truncated`."""

    exit_code = 10

    def __init__(self, reason: str, what: str, *, where: str = "", remedy: str = "") -> None:
        self.reason = reason
        super().__init__(what, where=where, remedy=remedy)


class ContractError(BackstepError):
    """A clinic's or table's declaration under `schemas/` is at fault."""

    exit_code = 11


class StudyFileError(BackstepError):
    """A study-wide file (study.yaml, corrections.yaml, a freeze manifest) is at fault."""

    exit_code = 12


class BuildStopped(BackstepError):
    """The warehouse was not built; the previous one stands."""

    exit_code = 13


class LockHeld(BackstepError):
    """Another run holds the study's lock."""

    exit_code = 14


class CanaryMissed(BackstepError):
    """A fault that was planted came through the night unseen; warehouse and reports were made."""

    exit_code = 15
