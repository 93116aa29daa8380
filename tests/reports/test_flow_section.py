"""The flow of a made-up study: its boxes are its table, and who is analysed was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.contracts.load import load_contract
from pipelines.errors import BackstepError
from pipelines.reports import flow_section
from pipelines.reports.scales import scale_of
from pipelines.reports.source import opened

ROOT = Path(__file__).parents[2]


@pytest.fixture
def closed(home):
    with opened(home / "warehouse", load_contract(ROOT / "schemas"), "closed") as source:
        yield source


def test_those_analysed_have_a_change_and_were_seen(closed):
    found = flow_section.analysed(closed, scale_of("koos.pain"))
    counted = closed.rows(
        "SELECT count(*) AS n FROM mart_outcome WHERE is_primary AND measure = 'koos' AND scale = 'pain' AND improvement IS NOT NULL"
    )
    assert found.height == counted["n"][0] > 20
    seen = closed.rows(
        "SELECT participant_id FROM mart_visit WHERE visit_code = 'W6' AND state = 'seen'"
    )
    assert set(found["participant_id"]) <= set(seen["participant_id"])


def test_somebody_analysed_and_not_seen_stops_the_page(closed):
    closed.con.execute(
        "CREATE TEMP TABLE mart_visit AS SELECT * REPLACE ('missed' AS state) FROM closed.mart_visit"
    )
    with pytest.raises(BackstepError, match="not seen at the primary visit") as told:
        flow_section.analysed(closed, scale_of("koos.pain"))
    assert "P0" not in str(told.value) and "koos.pain" in str(told.value)


@pytest.mark.parametrize("whom", ["open", "closed"])
def test_boxes_say_what_the_table_says(home, whom):
    page = (home / "reports" / "2025-11-04T031500Z" / whom / "progress.html").read_text("utf-8")
    assert "Participant flow" in page and "110 randomised" in page
    assert ("BW: " in page) == (whom == "closed")
    assert "analysed" in page
