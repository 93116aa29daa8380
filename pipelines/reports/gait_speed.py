"""The gait speed report, open and closed."""

from __future__ import annotations

from dataclasses import replace

from pipelines.reports.layout.blocks import Page, Section
from pipelines.reports.layout.figures.wear import speed_by_length
from pipelines.reports.outcome_page import OutcomeReport, outcome_page
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Gait speed", ("open", "closed")
_REPORT = OutcomeReport("gait_speed", TITLE, "mart_gait_speed", ("walk_test",))


def page(source: Source) -> Page:
    """The outcome page; the closed one also shows how fast people walk in daily life."""
    made = outcome_page(_REPORT, source)
    if source.audience == "open":  # the speed of single bouts may tell who trains how
        return made
    daily = Section("Walking in daily life", (_daily(source),))
    return replace(made, sections=(*made.sections[:3], daily, *made.sections[3:]))


def _daily(source: Source):
    bouts = source.rows("""
        SELECT c.bout_class, b.speed_mean_mps AS speed_mps
        FROM core_wear_bout AS b
        JOIN ref_bout_class AS c ON epoch(b.end_utc) - epoch(b.start_utc) >= c.from_s
            AND (c.to_s IS NULL OR epoch(b.end_utc) - epoch(b.start_utc) < c.to_s)
        WHERE b.bout_source_code = 'signal' AND b.detected_direction_code IS DISTINCT FROM 'backward'
        ORDER BY ALL
    """)
    return speed_by_length(
        bouts,
        title="Real-world walking speed by length of bout",
        note="Both arms together. Speed from the trunk's rise on an inverted pendulum; "
        "not validated in knee osteoarthritis. Backward bouts are left out.",
    )
