"""The participant flow as a figure, from the same counts as its table."""

from __future__ import annotations

import polars as pl

from pipelines.errors import BackstepError
from pipelines.reports.layout.blocks import Figure
from pipelines.reports.layout.figures.flow import Box, flow_chart
from pipelines.reports.layout.numbers import MISSING, number
from pipelines.reports.scales import Scale
from pipelines.reports.source import Source

_WORDS = {
    "seen": "seen", "missed": "due, nothing came", "left": "left, nothing came", "not_due": "not yet due",
}  # fmt: skip


def analysed(source: Source, scale: Scale) -> pl.DataFrame:
    """The participants whose change in a scale at the primary visit is known: participant_id.

    Raises BackstepError where one of them was not seen at that visit, for then the flow would not be a flow.
    """
    found = source.rows(
        f"""SELECT m.participant_id, v.state FROM mart_outcome AS m
        LEFT JOIN mart_visit AS v ON v.participant_id = m.participant_id AND v.visit_code = m.visit_code
        WHERE m.is_primary AND m.improvement IS NOT NULL AND m.measure = '{scale.measure}' AND m.scale = '{scale.scale}'
        ORDER BY m.participant_id"""
    )
    if found.filter(pl.col("state").ne_missing("seen")).height:
        raise BackstepError(
            "participants are analysed who were not seen at the primary visit",
            where=f"mart_outcome, {scale.measure}.{scale.scale}",
            remedy="look for forms that mart_visit does not count as seen",
        )
    return found.select("participant_id")


def figure(source: Source, counted: pl.DataFrame, people: pl.DataFrame, by: str | None, scale: Scale) -> Figure:  # fmt: skip
    """`counted` is the flow's table, small counts already hidden; the last box is who is in the primary analysis."""
    known = people.join(analysed(source, scale), on="participant_id", how="semi")
    groups = [None] if by is None else sorted(counted[by].unique().to_list())
    columns = {}
    for group in groups:
        mine = counted if group is None else counted.filter(pl.col(by) == group)
        of_group = known if group is None else known.filter(pl.col(by) == group)
        columns[group or ""] = [
            *([Box(f"{group}: {number(mine['randomised_n'][0])} allocated")] if group else []),
            *(Box(row["visit_code"], _lines(row)) for row in mine.sort("visit_order").iter_rows(named=True)),
            Box(f"{number(of_group.height)} analysed", (f"{scale.title} at {source.contract.study.primary_visit}",)),
        ]  # fmt: skip
    hidden = counted.select(*_WORDS).null_count().sum_horizontal()[0] > 0
    return flow_chart(
        Box(f"{number(people.height)} randomised"),
        columns,
        title="Participant flow",
        caption="At each visit the counts add up to those randomised; those analysed were all seen. "
        + (f"{MISSING} stands for a count that is not shown, see the table. " if hidden else "")
        + "Numbers screened and declined are not sent to this study's pipeline.",
        by_arm=by is not None,
    )


def _lines(row: dict) -> tuple[str, ...]:
    return tuple(
        f"{number(row[state])} {words}"
        for state, words in _WORDS.items()
        if row[state] is None or row[state] or state == "seen"
    )
