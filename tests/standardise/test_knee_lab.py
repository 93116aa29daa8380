"""A gait lab's file and its declaration become stances: three formats, and what may be wrong in them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pipelines.contracts.model import FileKind
from pipelines.contracts.shapes import Delivery
from pipelines.errors import DeliveryRefused
from pipelines.standardise.knee_lab import read_lab
from pipelines.synthetic.c3d_bytes import c3d_bytes
from pipelines.synthetic.lab_text import opensim_text, visual3d_text

PCT = np.arange(101.0)
# Two triangles: 0.4 at 20 %, 0.1 at 50 %, 0.3 at 80 % of stance. Area by hand, in units of stance:
# 0.2*0.4/2 + 0.3*(0.4+0.1)/2 + 0.3*(0.1+0.3)/2 + 0.2*0.3/2 = 0.04 + 0.075 + 0.06 + 0.03 = 0.205
CURVE = np.interp(PCT, [0, 20, 50, 80, 100], [0, 0.4, 0.1, 0.3, 0])
AREA = 0.205
OPENSIM = {
    "name": r"(?P<participant>01-\d{3}-\d)_(?P<assessed>\d{8})_t(?P<trial>\d+)_(?P<side>left|right)_(?P<sent>\d{8})\.sto",
    "lab": {"maker": "opensim", "left": "knee_l", "right": "knee_r", "unit": "nm", "positive": "internal_adduction",
            "stance": "file"},
}  # fmt: skip
VISUAL3D = {
    "name": r"(?P<participant>01-\d{3}-\d)_(?P<assessed>\d{8})_(?P<sent>\d{8})\.txt",
    "lab": {"maker": "visual3d", "left": "LKNEE", "right": "RKNEE", "component": "Y", "unit": "nm_per_kg",
            "positive": "external_adduction", "mirrored": ["left"], "stance": "percent"},
}  # fmt: skip
C3D = {
    "name": r"(?P<participant>01-\d{3}-\d)_(?P<assessed>\d{8})_t(?P<trial>\d+)_(?P<sent>\d{8})\.c3d",
    "lab": {"maker": "c3d", "left": "LK", "right": "RK", "component": "Y", "unit": "nm_per_kg", "divided_by": 1000,
            "positive": "external_adduction", "stance": "events"},
}  # fmt: skip


def read(tmp_path, declared: dict, name: str, data: bytes):
    path = tmp_path / name
    path.write_bytes(data)
    delivery = Delivery(
        "alder-1", "alder", name, "knee_load", "0" * 64, len(data), dt.datetime(2025, 4, 2, tzinfo=dt.UTC),
        dt.date(2025, 11, 3), 0, "s", path, "01-001-0",
    )  # fmt: skip
    kind = FileKind.model_validate({"format": "device", "keyed": "increment"} | declared)
    found = read_lab(delivery, kind)
    return found.records, set(found.findings)


def storage(own=CURVE * 80, other=None, seconds=0.8, side="right") -> bytes:
    """One stance of the leg in 161 samples; internal moments in Nm of a person of 80 kg."""
    n = 161
    time_s = np.linspace(1.0, 1.0 + seconds, n)
    mine = -np.interp(np.linspace(0, 100, n), PCT, own)
    others = np.full(n, -6.0) if other is None else -np.interp(np.linspace(0, 100, n), PCT, other)
    columns = (
        {"knee_r": mine, "knee_l": others}
        if side == "right"
        else {"knee_r": others, "knee_l": mine}
    )
    return opensim_text(time_s, columns)


def test_a_storage_file_is_one_stance_of_the_leg_in_its_name(tmp_path):
    records, findings = read(
        tmp_path, OPENSIM, "01-001-0_20250401_t3_right_20251103.sto", storage()
    )
    row = records.row(0, named=True)
    assert (records.height, findings) == (1, set())
    assert (row["assessed_date"], row["trial_no"], row["stance_side_code"]) == (
        dt.date(2025, 4, 1),
        3,
        "right",
    )
    assert (row["first_peak_pct"], row["second_peak_pct"]) == (20.0, 80.0)
    assert row["first_peak_sent"] == pytest.approx(0.4 * 80, rel=1e-3)
    assert row["second_peak_sent"] == pytest.approx(0.3 * 80, rel=1e-3)
    assert row["stance_s"] == pytest.approx(0.8)
    # 0.205 x 80 Nm over 0.8 s is an impulse of 13.12 Nm s
    assert row["moment_mean_sent"] * row["stance_s"] == pytest.approx(AREA * 80 * 0.8, rel=1e-3)
    assert len(row["moment_curve"].split()) == 51


def test_the_impulse_is_over_seconds_and_not_over_per_cent_of_stance(tmp_path):
    """Backward stance lasts longer: a naive area over per cent of stance would call both equal."""
    name = "01-001-0_20250401_t1_right_20251103.sto"
    short, _ = read(tmp_path, OPENSIM, name, storage(seconds=0.6))
    long, _ = read(tmp_path, OPENSIM, name, storage(seconds=0.9))
    naive = [frame["moment_mean_sent"][0] for frame in (short, long)]
    impulse = [frame["moment_mean_sent"][0] * frame["stance_s"][0] for frame in (short, long)]
    assert naive[0] == pytest.approx(naive[1], rel=1e-3)
    assert impulse[1] / impulse[0] == pytest.approx(1.5, rel=1e-3)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (storage(own=-CURVE * 80, other=np.full(101, 6.0)), "moment_sign_wrong"),
        (storage(own=np.full(101, 6.0), other=CURVE * 160), "side_swapped"),
        (storage(own=CURVE, other=np.full(101, 0.05)), "moment_unit_unlikely"),
    ],
)
def test_what_contradicts_the_declaration_is_named(tmp_path, data, rule):
    _, findings = read(tmp_path, OPENSIM, "01-001-0_20250401_t1_right_20251103.sto", data)
    assert findings == {(1, rule)}


def test_a_file_cut_in_a_stance_gives_no_numbers_that_count(tmp_path):
    lines = storage().decode().splitlines(keepends=True)
    _, findings = read(
        tmp_path, OPENSIM, "01-001-0_20250401_t1_right_20251103.sto", "".join(lines[:110]).encode()
    )
    assert {(1, "stance_cut"), (1, "truncated_end")} <= findings


def test_a_hole_in_the_curve_leaves_no_peak(tmp_path):
    data = storage().replace(
        storage().splitlines()[60],
        b"\t".join([storage().splitlines()[60].split(b"\t")[0], b"nan", b"nan"]),
    )
    records, findings = read(tmp_path, OPENSIM, "01-001-0_20250401_t1_right_20251103.sto", data)
    assert findings == {(1, "curve_incomplete")}
    assert records["first_peak_absent"].to_list() == ["curve_incomplete"]
    assert records["moment_mean_sent"].null_count() == records["moment_curve"].null_count() == 1


def test_visual3d_gives_both_legs_of_every_recording_without_seconds(tmp_path):
    curves = np.column_stack([-CURVE, CURVE, -0.5 * CURVE, 0.5 * CURVE])
    data = visual3d_text(["a.c3d", "b.c3d"], ["LKNEE", "RKNEE"], "Y", curves)
    records, findings = read(tmp_path, VISUAL3D, "01-001-0_20250401_20251103.txt", data)
    assert findings == set()
    assert records.select("trial_no", "stance_side_code").rows() == [
        (1, "left"), (1, "right"), (2, "left"), (2, "right"),
    ]  # fmt: skip
    assert records["first_peak_sent"].to_list() == pytest.approx([0.4, 0.4, 0.2, 0.2])
    assert records["stance_s"].null_count() == 4


def trial(events, n=400, level=0.05) -> bytes:
    """Two knees at 200 Hz in Nmm/kg: the right one in stance from 0.5 s to 1.3 s."""
    time_s = np.arange(n) / 200
    points = np.zeros((n, 2, 4), dtype=np.float32)
    right = np.full(n, level)
    within = (time_s >= 0.5) & (time_s <= 1.3)
    right[within] = np.interp(100 * (time_s[within] - 0.5) / 0.8, PCT, CURVE)
    points[:, 0, 1], points[:, 1, 1] = 1000 * level, 1000 * right
    return c3d_bytes(points, ["LK", "RK"], rate_hz=200.0, events=events)


STANCE = (("Right", "Foot Strike", 0.5), ("Right", "Foot Off", 1.3))


def test_a_c3d_file_is_cut_at_its_events(tmp_path):
    records, findings = read(tmp_path, C3D, "01-001-0_20250401_t2_20251103.c3d", trial(STANCE))
    row = records.row(0, named=True)
    assert (records.height, findings, row["stance_side_code"]) == (1, set(), "right")
    assert row["stance_s"] == pytest.approx(0.8, abs=1e-6)
    assert row["first_peak_sent"] == pytest.approx(0.4, rel=1e-3)
    assert row["moment_mean_sent"] == pytest.approx(AREA, rel=1e-3)


def test_a_stance_that_the_c3d_file_ends_in_has_no_numbers(tmp_path):
    data = trial((*STANCE, ("Right", "Foot Strike", 1.8), ("Right", "Foot Off", 2.5)))
    records, findings = read(tmp_path, C3D, "01-001-0_20250401_t2_20251103.c3d", data)
    assert findings == {(2, "curve_incomplete")}
    assert records["first_peak_sent"].is_null().to_list() == [False, True]


@pytest.mark.parametrize(
    ("declared", "name", "data", "reason"),
    [
        (C3D, "01-001-0_20250401_t2_20251103.c3d", trial(()), "no_records"),
        (C3D | {"lab": C3D["lab"] | {"divided_by": 1}}, "01-001-0_20250401_t2_20251103.c3d", trial(STANCE), "unit_contradicted"),
        (OPENSIM | {"lab": OPENSIM["lab"] | {"left": "other"}}, "01-001-0_20250401_t1_right_20251103.sto", storage(), "columns_missing"),
        (VISUAL3D, "01-001-0_20250401_20251103.txt", storage(), "wrong_columns"),
        (OPENSIM, "01-001-0_20250401_t1_right_20251103.sto", b"", "empty"),
        (OPENSIM, "01-001-0_20250431_t1_right_20251103.sto", storage(), "no_such_day"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_what_was_declared_is_refused(tmp_path, declared, name, data, reason):
    with pytest.raises(DeliveryRefused) as refused:
        read(tmp_path, declared, name, data)
    assert refused.value.reason == reason
