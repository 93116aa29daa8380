"""Figures of how the trial goes: flow, enrolment, attendance, and who improved by how much."""

from __future__ import annotations

import datetime as dt
from xml.etree import ElementTree

import polars as pl
import pytest

from pipelines.reports.layout.figures.attendance import attendance_calendar
from pipelines.reports.layout.figures.enrolment import enrolment
from pipelines.reports.layout.figures.flow import Box, flow_chart
from pipelines.reports.layout.figures.responder_curve import responder_curves, steps_of

HOSTILE = "<script>alert(1)</script> & co"


def words(svg: str) -> list[str]:
    return [
        text for node in ElementTree.fromstring(svg).iter() if (text := (node.text or "").strip())
    ]


def boxes(svg: str) -> list[tuple[float, ...]]:
    found = [node for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("rect")]
    return [
        tuple(float(node.get(name)) for name in ("x", "y", "width", "height")) for node in found
    ]


@pytest.mark.parametrize("side", ["wide_svg", "narrow_svg"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_flow_has_every_box_and_none_over_another(side, n):
    columns = {
        f"arm {k}": [Box(f"{k} allocated"), Box("W6", ("3 seen", "1 left, nothing came"))]
        for k in range(n)
    }
    figure = flow_chart(Box("9 randomised"), columns, title="Flow", caption="c", by_arm=True)
    svg = getattr(figure, side)
    placed = boxes(svg)
    assert len(placed) == 1 + 2 * n
    for at, (x, y, w, h) in enumerate(placed):
        assert x >= 0
        for x2, y2, w2, h2 in placed[at + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    assert words(svg).count("3 seen") == n and "9 randomised" in words(svg)
    assert "arm 0: 0 allocated, then W6 (3 seen, 1 left, nothing came)" in figure.alt


def test_text_in_a_box_stays_text_and_an_empty_flow_is_calm():
    figure = flow_chart(Box(HOSTILE), {"": [Box("1 in the study")]}, title="Flow", caption="c")
    assert HOSTILE in words(figure.wide_svg) and "<script" not in figure.wide_svg
    assert flow_chart(Box("0"), {}, title="Flow", caption="c").caption.startswith("No data yet")


def test_enrolment_counts_up_beside_the_plan():
    days = pl.DataFrame({"date": [dt.date(2025, 3, 1), dt.date(2025, 3, 1), dt.date(2025, 4, 2)]})
    plan = [(dt.date(2025, 2, 1), 0), (dt.date(2025, 6, 1), 48)]
    figure = enrolment(days, plan, title="Enrolment")
    assert figure.caption.startswith("3 randomised by 2025-04-02, 48 planned by 2025-06-01")
    assert {"randomised", "planned"} <= set(words(figure.wide_svg))
    alone = enrolment(days, [], title="Enrolment", note="No plan.")
    assert "planned" not in alone.caption + alone.alt and alone.caption.endswith("No plan.")
    assert enrolment(days.clear(), plan, title="Enrolment").caption.startswith("No data yet")


def test_attendance_says_how_many_weeks_nobody_came_and_names_nobody():
    weeks = pl.DataFrame(
        {"row": [1, 1, 2], "week": [1, 2, 1], "planned_n": [3, 3, 3], "attended_n": [3, 0, 1]}
    )
    figure = attendance_calendar(weeks, title="Attendance")
    assert (
        "4/9 (44" in figure.caption and "by 2 participants; 1 weeks without any" in figure.caption
    )
    assert attendance_calendar(weeks.clear(), title="Attendance").caption.startswith("No data yet")


def test_four_hundred_rows_fit_a_page():
    weeks = pl.DataFrame({"row": range(400)}).join(pl.DataFrame({"week": range(1, 8)}), how="cross")
    figure = attendance_calendar(weeks.with_columns(planned_n=3, attended_n=2), title="Attendance")
    height = float(ElementTree.fromstring(figure.wide_svg).get("height"))
    assert height < 720


def test_the_share_improved_by_at_least_so_much_is_read_off_the_lines():
    changes = pl.DataFrame(
        {"group": ["BW"] * 4 + ["FW"] * 2, "improvement": [0.0, 2.0, 2.0, 5.0, -1.0, None]}
    )
    figure = responder_curves(
        changes, measure="Pain", unit="points", title="Share", mcid=2.0, mdc=None, by_arm=True
    )
    # of 0, 2, 2, 5 three are 2 or more; of the one other known, none
    assert "BW: n = 4, improved 75" in figure.caption and "FW: n = 1, improved 0" in figure.caption
    assert "by the MCID of 2 points or more" in figure.caption and "MDC" not in figure.caption
    assert figure.by_arm and {"BW", "FW", "MCID"} <= set(words(figure.wide_svg))
    assert responder_curves(
        changes.head(1), measure="Pain", unit="points", title="Share", mcid=None, mdc=None
    ).caption.startswith("No data")


def test_the_line_at_a_size_is_the_share_of_that_size_or_more():
    one = pl.DataFrame({"improvement": [0.0, 2.0, 2.0, 5.0], "group": "BW"})
    # everybody up to 0, three of four up to 2, one of four up to 5, nobody beyond
    assert steps_of(one, -1.0, 6.0).select("x", "share").rows() == [
        (-1.0, 1.0), (0.0, 1.0), (2.0, 0.75), (5.0, 0.25), (6.0, 0.0),
    ]  # fmt: skip
