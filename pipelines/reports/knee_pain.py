"""The knee pain report, open and closed."""

from __future__ import annotations

from pipelines.reports.layout.blocks import Page
from pipelines.reports.outcome_page import OutcomeReport, outcome_page
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Knee pain", ("open", "closed")
_REPORT = OutcomeReport("knee_pain", TITLE, "mart_knee_pain", ("koos", "pain"))


def page(source: Source) -> Page:
    return outcome_page(_REPORT, source)
