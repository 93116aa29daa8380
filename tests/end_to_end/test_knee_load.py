"""What was planted into gait lab files of three formats comes out of the warehouse."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.reports import knee_load
from pipelines.reports.source import opened
from tests.end_to_end.nights import rows

# Decided before looking: samples at 200 Hz and 51 points of a curve cannot miss a planted number by more.
PEAK_NM_PER_KG, IMPULSE_NMS_PER_KG = 0.005, 0.005


@pytest.fixture(scope="module")
def compared(clean) -> pl.DataFrame:
    """Each planted stance beside what the warehouse has of it."""
    planted = pl.read_csv(clean.home / "truth" / "stances.csv", try_parse_dates=True)
    found = rows(clean.home, """
        SELECT k.*, l.assessed_date FROM core_knee_load AS k
        JOIN core_lab_trial AS l USING (participant_id, study_day, trial_no)
    """)  # fmt: skip
    key = ["participant_id", "assessed_date", "trial_no", "stance_side_code", "stance_no"]
    return planted.join(found, on=key, how="full", suffix="_found", coalesce=True)


def test_every_stance_of_three_labs_is_there_and_no_other(compared):
    assert compared["clinic_id"].drop_nulls().unique().sort().to_list() == [
        "alder",
        "birke",
        "deodar",
    ]
    assert compared["ekam_first_peak_nm_per_kg"].null_count() == 0
    assert compared["delivery_id"].null_count() == 0


def test_peaks_and_impulse_are_those_that_were_planted(compared):
    apart = compared.select(
        (pl.col(name) - pl.col(f"{name}_found")).abs().max()
        for name in ("ekam_first_peak_nm_per_kg", "ekam_second_peak_nm_per_kg", "kaai_nms_per_kg")
    ).row(0)
    assert apart[0] < PEAK_NM_PER_KG and apart[1] < PEAK_NM_PER_KG
    assert apart[2] < IMPULSE_NMS_PER_KG


def test_walking_backward_loads_less_within_people(clean):
    """Planted: 0.85 and 0.70 of the peaks walked forward."""
    found = rows(clean.home, """
        SELECT avg(b.ekam_first_peak_nm_per_kg / f.ekam_first_peak_nm_per_kg) AS first,
            avg(b.ekam_second_peak_nm_per_kg / f.ekam_second_peak_nm_per_kg) AS second
        FROM mart_knee_load AS f JOIN mart_knee_load AS b USING (participant_id, visit_code)
        WHERE f.lab_direction_code = 'FW' AND b.lab_direction_code = 'BW'
    """)  # fmt: skip
    assert found.row(0) == pytest.approx((0.85, 0.70), abs=0.03)


def test_the_open_database_tells_the_way_of_the_trial_and_not_the_arm(clean):
    """Everybody in the lab walks both ways, as often, in the same order: so the way says nothing of the arm."""
    ways = rows(clean.home, """
        SELECT p.arm, l.trial_no, l.lab_direction_code, count(*) AS n
        FROM core_lab_trial AS l JOIN core_participant AS p USING (participant_id) GROUP BY ALL
    """)  # fmt: skip
    for (arm,), part in ways.group_by("arm"):
        by_way = part.group_by("lab_direction_code").agg(pl.col("n").sum())
        assert by_way["n"].n_unique() == 1, arm
    assert (
        ways.group_by("arm")
        .agg(pl.col("trial_no", "lab_direction_code").sort_by("trial_no"))["lab_direction_code"]
        .n_unique()
        == 1
    )


def test_the_open_page_shows_nothing_of_fewer_people_than_may_be_shown(contract, clean):
    with opened(clean.home / "warehouse", contract, "open") as source:
        page = knee_load.page(source)
    with opened(clean.home / "warehouse", contract, "closed") as source:
        closed = knee_load.page(source)
    assert page.sections == () and "Too few people" in page.summary[0].text
    assert len(closed.sections) == 3


def test_every_rule_of_a_lab_file_has_a_planted_fault(faulty):
    planted = pl.read_csv(faulty.home / "truth" / "faults.csv").filter(table_name="knee_moment")
    assert set(planted["rule"]) == {
        "moment_sign_wrong", "side_swapped", "moment_unit_unlikely", "stance_cut", "curve_incomplete", "lab_trial_given",
        "moment_turned",
    }  # fmt: skip


def test_a_stance_that_runs_backward_in_time_is_named_and_left_out(faulty):
    found = rows(
        faulty.home,
        "SELECT participant_id, n_stances, n_used FROM mart_knee_load WHERE n_used < n_stances",
    )
    turned = rows(faulty.home, "SELECT rule FROM ledger_finding WHERE rule = 'moment_turned'")
    assert turned.height == 1
    assert found.height == 1
