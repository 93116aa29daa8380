"""The gait speed report, open and closed."""

from __future__ import annotations

from pipelines.reports.layout.blocks import Page
from pipelines.reports.outcome_page import OutcomeReport, outcome_page
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Gait speed", ("open", "closed")
_REPORT = OutcomeReport("gait_speed", TITLE, "mart_gait_speed", ("walk_test",))


def page(source: Source) -> Page:
    return outcome_page(_REPORT, source)
