"""Numbers drawn at random from the closed reports are made again from the lines that `backstep trace` names, and no others."""

from __future__ import annotations

import random

import polars as pl
import pytest

from pipelines import stages
from pipelines import trace as tracing
from pipelines.reports import discovered, results
from pipelines.reports.source import opened
from tests.end_to_end.cut_files import deliver_lines
from tests.end_to_end.nights import NIGHT_2, take_in

STAMP = "2025-11-11T031500Z"
DRAWN, AT_ONCE = 20, 5  # a study of its own for five numbers at once: a whole night takes seconds


@pytest.fixture(scope="module")
def drawn(faulty):
    """Twenty numbers of the closed reports that rest on clinics' lines, each report once before any comes again."""
    kept = results.read(faulty.home / "reports" / STAMP / "closed")
    mine = kept.filter(~kept["table_name"].str.starts_with("ref_")).sort("report", "number")
    chance = random.Random(20251111)
    by_report = {name: chance.sample(range(rows.height), rows.height) for (name,), rows in mine.group_by("report", maintain_order=True)}  # fmt: skip
    found = []
    while len(found) < DRAWN:
        for name, order in by_report.items():
            if order and len(found) < DRAWN:
                found.append(mine.filter(report=name).row(order.pop(), named=True))
    return found


@pytest.mark.parametrize("part", range(DRAWN // AT_ONCE))
def test_each_number_is_made_again_from_its_lines_alone(faulty, contract, drawn, part, tmp_path):
    numbers = drawn[part * AT_ONCE : (part + 1) * AT_ONCE]
    home = str(faulty.home)
    traced = [tracing.trace(home, one["report"], one["number"], closed=True) for one in numbers]
    assert all(one.lines.height for one in traced)
    lines = pl.concat([one.lines for one in traced]).unique()
    assert deliver_lines(faulty.home, contract, lines, tmp_path)
    take_in(tmp_path, NIGHT_2)
    stages.build_warehouse(str(tmp_path), NIGHT_2)
    with opened(tmp_path / "warehouse", contract, "closed") as source:
        pages = {one["report"]: discovered()[one["report"]].page(source) for one in numbers}
    again = results.of_pages(pages)
    for one in numbers:
        same = again.filter(report=one["report"], statistic=one["statistic"], group=one["group"])
        assert one["value"] in [pytest.approx(value, rel=1e-9) for value in same["value"]], one
