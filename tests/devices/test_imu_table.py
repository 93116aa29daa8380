"""Declared tables of samples: every way to write times and units, what is lost, and what is refused."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.imu import ImuTable
from pipelines.contracts.shapes import Layout
from pipelines.devices.imu_table import read_declared
from pipelines.errors import DeliveryRefused

ROOT = Path(__file__).resolve().parents[2]
MOBGAP = ROOT.parent / "shared" / "samples" / "mobgap"
START = 1_772_443_800_000_000  # 2026-03-02 09:30:00
N = 500
RANDOM = np.random.default_rng(11)
ACC = RANDOM.normal((0, 0, 1), 0.2, (N, 3))
GYRO = RANDOM.normal(0, 80, (N, 3))
GRID = START + np.arange(N) * 10_000
AXES = {"columns": ("ax", "ay", "az"), "unit": "g"}
SINCE_1970 = {"column": "t", "unit": "us", "since": "epoch"}


def declared(**more) -> ImuTable:
    base = {"maker": "Lab", "rate_hz": 100, "clock": "local", "time": SINCE_1970, "acc": AXES}
    return ImuTable.model_validate({k: v for k, v in {**base, **more}.items() if v is not None})


def table(times=GRID, acc=ACC, **more) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "t": times,
            "ax": acc[:, 0],
            "ay": acc[:, 1],
            "az": acc[:, 2],
            **more,
            "note": ["x"] * len(acc),
        }
    )


def csv(frame: pl.DataFrame, **how) -> bytes:
    out = io.BytesIO()
    frame.write_csv(out, float_precision=9, **how)
    return out.getvalue()


def opened(path: Path, data: bytes, imu: ImuTable, **how):
    path.write_bytes(data)
    return read_declared(path, imu, **how)


def everything(recording):
    chunks = list(recording.chunks())
    return (
        np.concatenate([chunk.times_us() for chunk in chunks if len(chunk.acc_g)]),
        np.concatenate([chunk.acc_g for chunk in chunks]),
        [finding for chunk in chunks for finding in chunk.findings],
    )


def text_times(us=GRID, written="%Y-%m-%d %H:%M:%S%.3f") -> pl.Series:
    return pl.Series(us).cast(pl.Datetime("us")).dt.strftime(written)


# --- the mobgap recordings: a laboratory's lower-back sensor, 100 Hz, a counter and no start


@pytest.mark.parametrize(
    ("name", "n_lines"), [("Test5_Trial1", 1247), ("Test5_Trial2", 1076), ("Test11_Trial1", 13_760)]
)
def test_a_laboratorys_tables_are_read_as_declared(name, n_lines):
    path = MOBGAP / f"HA_001_TimeMeasure1_{name}.csv"
    if not path.exists():
        pytest.skip("../shared/samples is not here")
    imu = declared(
        time={"column": "samples", "unit": "samples"},
        start={"file_name": True, "written": "YYYYMMDDThhmmss"},
        acc={"columns": ("acc_x", "acc_y", "acc_z"), "unit": "g"},
        gyro={"columns": ("gyr_x", "gyr_y", "gyr_z"), "unit": "deg/s"},
        serial={"constant": "MM+1"},
    )

    recording = read_declared(path, imu, start_text="20260302T093000", placement="lower_back")
    times, acc, findings = everything(recording)

    rows = np.array([line.split(",") for line in path.read_text().splitlines()[1:]], float)
    assert len(rows) == n_lines - 1  # the header
    assert (recording.maker, recording.device_serial, recording.rate_hz) == ("Lab", "MM+1", 100)
    assert (recording.placement, recording.is_utc, findings) == ("lower_back", False, [])
    np.testing.assert_array_equal(times, START + np.arange(len(rows)) * 10_000)
    np.testing.assert_allclose(acc, rows[:, 1:4], atol=1e-6)
    turned = np.concatenate([chunk.gyro_dps for chunk in recording.chunks()])
    np.testing.assert_allclose(turned, rows[:, 4:7], rtol=1e-6, atol=1e-6)


# --- times

TIMES = {
    "us since 1970": (SINCE_1970, None, GRID),
    "ms since 1970": ({"column": "t", "unit": "ms", "since": "epoch"}, None, GRID / 1e3),
    "s since 1970": ({"column": "t", "unit": "s", "since": "epoch"}, None, GRID / 1e6),
    "ns since 1970": ({"column": "t", "unit": "ns", "since": "epoch"}, None, GRID * 1000),
    "s since the start": (
        {"column": "t", "unit": "s", "since": "start"}, {"column": "begun", "written": "DD.MM.YYYY hh:mm:ss"},
        np.arange(N) * 0.01),
    "ns since the start": (
        {"column": "t", "unit": "ns", "since": "start"}, {"column": "begun", "written": "DD.MM.YYYY hh:mm:ss"},
        np.arange(N) * 10_000_000),
    "samples": (
        {"column": "t", "unit": "samples"}, {"column": "begun", "written": "DD.MM.YYYY hh:mm:ss"},
        np.arange(N) + 77),
    "text": ({"column": "t", "written": "YYYY-MM-DD hh:mm:ss.fff"}, None, text_times()),
    "text of other order": (
        {"column": "t", "written": "DD/MM/YYYY hh:mm:ss.ffffff"}, None,
        text_times(written="%d/%m/%Y %H:%M:%S%.6f")),
    "text in one go": (
        {"column": "t", "written": "YYYYMMDDThhmmssff"}, None,
        text_times(written="%Y%m%dT%H%M%S%.3f").str.replace(".", "", literal=True).str.head(17)),
}  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("case", TIMES)
def test_times_are_read_as_declared(tmp_path, case, ending):
    time, start, cells = TIMES[case]
    frame = table(cells, begun=["02.03.2026 09:30:00"] * N)
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        path.write_bytes(csv(frame))
    else:
        frame.write_parquet(path)

    recording = read_declared(path, declared(time=time, start=start))
    times, acc, findings = everything(recording)

    assert findings == []
    np.testing.assert_allclose(times, GRID, atol=1)
    np.testing.assert_allclose(acc, ACC, atol=1e-6)
    assert all(chunk.gyro_dps is None for chunk in recording.chunks())


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_a_parquet_time_stamp_is_itself(tmp_path, unit, zone):
    frame = table(pl.Series(GRID).cast(pl.Datetime("us")).dt.cast_time_unit(unit))
    if zone:  # the instant stays, the wall clock shown is another
        frame = frame.with_columns(
            pl.col("t").dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        )
    frame.write_parquet(tmp_path / "a.parquet")
    imu = declared(time={"column": "t", "unit": "timestamp"}, clock="utc")

    recording = read_declared(tmp_path / "a.parquet", imu)
    times, _, findings = everything(recording)

    assert recording.is_utc and findings == []
    np.testing.assert_array_equal(times, GRID)


def test_without_a_time_column_rows_lie_on_the_grid_and_a_bad_row_keeps_its_place(tmp_path):
    lines = csv(table()).split(b"\n")
    lines[201] = b"?,?,?,?,?"  # the sample at 2.00 s, in line 202
    imu = declared(time=None, start={"file_name": True, "written": "YYYYMMDD-hhmmss"})

    recording = opened(tmp_path / "a.csv", b"\n".join(lines), imu, start_text="20260302-093000")
    times, acc, findings = everything(recording)

    kept = np.delete(np.arange(N), 200)
    assert findings == [(202, "bad_block")]
    np.testing.assert_array_equal(times, GRID[kept])
    np.testing.assert_allclose(acc, ACC[kept], atol=1e-6)


def test_stamps_of_whole_seconds_are_spread_over_their_samples(tmp_path):
    n = 100 * 3600 * 2  # two hours, so that blocks end inside a second
    us = START + np.arange(n) * 10_000
    frame = table(text_times(us, "%Y-%m-%d %H:%M:%S"), np.tile(ACC, (n // N, 1)))
    imu = declared(time={"column": "t", "written": "YYYY-MM-DD hh:mm:ss"})

    recording = opened(tmp_path / "a.csv", csv(frame), imu)
    times, _, findings = everything(recording)

    assert findings == []
    assert len(list(recording.chunks())) >= 2
    np.testing.assert_allclose(times, us, atol=1)


def test_jitter_is_followed_and_is_no_gap(tmp_path):
    us = GRID + np.random.default_rng(2).integers(-4000, 4000, N)

    times, _, findings = everything(opened(tmp_path / "a.csv", csv(table(us)), declared()))

    assert findings == []
    np.testing.assert_array_equal(times, us)


@pytest.mark.parametrize(
    ("leap_s", "rule"), [(30, "gap"), (1.2, "gap"), (0.5, None), (-0.5, "clock_jump"), (-3600, "clock_jump")]
)  # fmt: skip
def test_a_clock_that_leaps_begins_a_chunk(tmp_path, leap_s, rule):
    us = GRID + np.where(np.arange(N) >= 300, round(leap_s * 1e6), 0)

    recording = opened(tmp_path / "a.csv", csv(table(us)), declared())
    times, _, findings = everything(recording)

    assert findings == ([] if rule is None else [(302, rule)])  # line 1 is the header
    assert [len(chunk.acc_g) for chunk in recording.chunks()] == [300, 200]
    np.testing.assert_array_equal(times, us)


def test_a_counter_that_leaps_shows_what_is_missing(tmp_path):
    counts = np.arange(N) + np.where(np.arange(N) >= 300, 50, 0)
    imu = declared(
        time={"column": "t", "unit": "samples"},
        start={"file_name": True, "written": "YYYYMMDDhhmmss"},
    )

    times, _, findings = everything(
        opened(tmp_path / "a.csv", csv(table(counts)), imu, start_text="20260302093000")
    )

    assert findings == [(302, "missing_block")]
    np.testing.assert_array_equal(times, START + counts * 10_000)


def test_a_time_between_two_neighbours_that_is_not_between_them_is_left_out(tmp_path):
    us = GRID.copy()
    us[250] += 86_400_000_000

    times, _, findings = everything(opened(tmp_path / "a.csv", csv(table(us)), declared()))

    assert findings == [(252, "bad_block")]
    np.testing.assert_array_equal(times, np.delete(GRID, 250))


def test_another_rate_than_declared_is_named(tmp_path):
    us = START + np.arange(N) * 10_300

    times, _, findings = everything(opened(tmp_path / "a.csv", csv(table(us)), declared()))

    assert findings == [(2, "rate_off_nominal")]
    np.testing.assert_array_equal(times, us)


def test_a_month_that_does_not_exist_is_no_time(tmp_path):
    stamps = text_times().to_list()
    stamps[100] = stamps[100].replace("-03-", "-13-")
    stamps[200] = stamps[200].replace("03-02", "02-30")
    stamps[300] = stamps[300] + "0"
    imu = declared(time={"column": "t", "written": "YYYY-MM-DD hh:mm:ss.fff"})

    times, _, findings = everything(opened(tmp_path / "a.csv", csv(table(stamps)), imu))

    assert findings == [(102, "bad_block"), (202, "bad_block"), (302, "bad_block")]
    np.testing.assert_array_equal(times, np.delete(GRID, [100, 200, 300]))


# --- units, cells, layouts


@pytest.mark.parametrize(("unit", "per_g"), [("g", 1), ("mg", 1000), ("m/s2", 9.80665)])
def test_acceleration_becomes_g(tmp_path, unit, per_g):
    imu = declared(acc={**AXES, "unit": unit})

    _, acc, _ = everything(opened(tmp_path / "a.csv", csv(table(acc=ACC * per_g)), imu))

    np.testing.assert_allclose(acc, ACC, atol=1e-6)


@pytest.mark.parametrize(("unit", "per_dps"), [("deg/s", 1), ("rad/s", 0.017453292519943295)])
def test_turning_becomes_degrees_per_second(tmp_path, unit, per_dps):
    turned = {name: GYRO[:, i] * per_dps for i, name in enumerate(("gx", "gy", "gz"))}
    imu = declared(gyro={"columns": ("gx", "gy", "gz"), "unit": unit})

    recording = opened(tmp_path / "a.csv", csv(table(**turned)), imu)

    got = np.concatenate([chunk.gyro_dps for chunk in recording.chunks()])
    np.testing.assert_allclose(got, GYRO, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (csv(table(), separator=";", decimal_comma=True), {"layout": Layout(delimiter=";"), "decimal": ","}),
        (csv(table(), separator="\t"), {"layout": Layout(delimiter="\t")}),
        (csv(table(), quote_style="always"), {}),
        (csv(table(), line_terminator="\r\n"), {}),
        (b"\xef\xbb\xbf" + csv(table()), {}),
        (csv(table()).replace(b",", b" , "), {}),
        (csv(table()).replace(b"\n", b",\n"), {}),
        (csv(table()) + b"\n\r\n", {}),
        ("Ort: Köln\n\n".encode("cp1252") + csv(table()), {"layout": Layout(encoding="cp1252")}),
    ],
    ids=["decimal comma", "tab", "quoted", "crlf", "bom", "spaces", "comma at the end", "blank end", "cp1252"],
)  # fmt: skip
def test_ways_to_write_a_table(tmp_path, data, how):
    times, acc, findings = everything(opened(tmp_path / "a.csv", data, declared(), **how))

    assert findings == []
    np.testing.assert_array_equal(times, GRID)
    np.testing.assert_allclose(acc, ACC, atol=1e-6)


def test_serial_and_start_may_stand_above_the_header(tmp_path):
    layout = Layout(preamble={"device": "Sensor:", "begun": "Start"})
    imu = declared(
        time={"column": "t", "unit": "ms", "since": "start"},
        start={"preamble": "begun", "written": "YYYY-MM-DD hh:mm:ss"},
        serial={"preamble": "device"},
    )  # fmt: skip
    data = b'Sensor:,"A-17"\nStart,2026-03-02 09:30:00\n\n' + csv(table(np.arange(N) * 10))

    recording = opened(tmp_path / "a.csv", data, imu, layout=layout)
    times, _, _ = everything(recording)

    assert recording.device_serial == "A-17"
    np.testing.assert_array_equal(times, GRID)


def test_a_serial_in_a_column_is_that_of_every_row(tmp_path):
    imu = declared(serial={"column": "device"})
    good = table(device=["0042"] * N)
    mixed = table(device=["0042"] * 499 + ["0043"])

    assert opened(tmp_path / "a.csv", csv(good), imu).device_serial == "0042"
    with pytest.raises(DeliveryRefused) as refused:
        list(opened(tmp_path / "b.csv", csv(mixed), imu).chunks())
    assert refused.value.reason == "two_devices"


@pytest.mark.parametrize(
    "cells",
    [b"1,,0,1,x", b"", b"\xff\xfe\x00", b"nan,nan,nan,nan,x", b"%d,0,0" % GRID[200],
     b"%d,0,inf,1,x" % GRID[200], b"%d,0,1,0,5,x" % GRID[200], b'%d,0,"1,0,x' % GRID[200]],
)  # fmt: skip
def test_a_row_that_is_none_costs_itself_only(tmp_path, cells):
    lines = csv(table()).split(b"\n")
    lines[201] = cells

    times, acc, findings = everything(opened(tmp_path / "a.csv", b"\n".join(lines), declared()))

    kept = np.delete(np.arange(N), 200)
    assert findings == [(202, "bad_block")]
    np.testing.assert_array_equal(times, GRID[kept])
    np.testing.assert_allclose(acc, ACC[kept], atol=1e-6)


def test_a_quote_without_its_end_in_a_cell_that_is_not_used_costs_nothing(tmp_path):
    lines = csv(table(), quote_style="non_numeric").split(b"\n")
    lines[201] = lines[201].replace(b'"x"', b'"x')

    times, _, findings = everything(opened(tmp_path / "a.csv", b"\n".join(lines), declared()))

    assert findings == []
    np.testing.assert_array_equal(times, GRID)


def test_samples_at_the_declared_range_are_saturated(tmp_path):
    acc = ACC.copy()
    acc[100, 0] = -7.995

    _, _, findings = everything(
        opened(tmp_path / "a.csv", csv(table(acc=acc)), declared(range_g=8))
    )

    assert findings == [(2, "saturated")]


def test_a_file_cut_inside_its_last_row_loses_that_row(tmp_path):
    data = csv(table().drop("note"))

    for cut in (1, 3, 9):  # without its line end the last number may have lost digits
        times, _, findings = everything(opened(tmp_path / "a.csv", data[:-cut], declared()))

        assert findings == [(501, "truncated_end")]
        np.testing.assert_array_equal(times, GRID[:-1])


def test_blocks_make_no_difference(tmp_path):
    n = 20 * 3600 * 2
    acc = np.random.default_rng(3).normal((0, 0, 1), 0.1, (n, 3))
    us = START + np.arange(n) * 50_000
    data = csv(table(us, acc))
    slow = opened(tmp_path / "a.csv", data, declared(rate_hz=20))
    fast = opened(tmp_path / "b.csv", data, declared(rate_hz=21))  # blocks of another size

    assert len(list(slow.chunks())) >= 2
    for recording in (slow, fast):
        times, got, _ = everything(recording)
        np.testing.assert_array_equal(times, us)
        np.testing.assert_allclose(got, acc, atol=1e-6)


# --- refusals


def damaged_parquet() -> bytes:
    out = io.BytesIO()
    table().write_parquet(out)
    return out.getvalue()[:-30] + bytes(30)


@pytest.mark.parametrize(
    ("data", "imu", "reason"),
    [
        (b"", declared(), "empty"),
        (csv(table().drop("az")), declared(), "columns_missing"),
        (csv(table()).replace(b"note", b"ax"), declared(), "duplicate_columns"),
        (csv(table()[:0]), declared(), "no_samples"),
        (csv(table()[:0]) + b"a,b,c,d,e\n" * 100_000, declared(), "no_samples"),
        (csv(table()), declared(acc={**AXES, "unit": "mg"}), "unit_contradicted"),
        (csv(table()), declared(acc={**AXES, "unit": "m/s2"}), "unit_contradicted"),
        (csv(table(acc=ACC * 9.8)), declared(), "unit_contradicted"),
        (csv(table()), declared(time={"column": "t", "unit": "timestamp"}), "wrong_type"),
        (csv(table()), declared(time=None, start={"file_name": True, "written": "YYYYMMDDhhmmss"}), "no_start_time"),
        (csv(table()), declared(time=None, start={"column": "note", "written": "YYYYMMDDhhmmss"}), "no_start_time"),
        (csv(table()) + b"1" * (40 << 20), declared(), "line_too_long"),
        (bytes(1 << 20), declared(), "columns_missing"),
        (b"PAR1" + bytes(100), declared(), "damaged"),
        (damaged_parquet(), declared(), "damaged"),
    ],
)  # fmt: skip
def test_what_is_not_the_declared_table_is_refused(tmp_path, data, imu, reason):
    with pytest.raises(DeliveryRefused) as refused:
        list(opened(tmp_path / "a.dat", data, imu).chunks())

    assert refused.value.reason == reason
    assert "a.dat" in str(refused.value)


def test_text_of_two_bytes_a_letter_is_refused(tmp_path):
    with pytest.raises(DeliveryRefused) as refused:
        opened(
            tmp_path / "a.csv", csv(table()).decode().encode("utf-16"), declared(),
            layout=Layout(encoding="utf-16"),
        )  # fmt: skip

    assert refused.value.reason == "wrong_encoding"


def test_times_that_never_go_on_are_refused(tmp_path):
    n = 60_000
    us = START + (np.arange(n) * 7919 % n) * 10_000_000

    with pytest.raises(DeliveryRefused) as refused:
        list(
            opened(
                tmp_path / "a.csv", csv(table(us, np.tile(ACC, (n // N, 1)))), declared()
            ).chunks()
        )

    assert refused.value.reason == "unreadable"


BOMB = """
import resource, sys, time, json
from pathlib import Path
from pipelines.contracts.imu import ImuTable
from pipelines.devices.imu_table import read_declared
imu = ImuTable.model_validate(json.loads(sys.argv[2]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.perf_counter()
chunks = read_declared(Path(sys.argv[1]), imu).chunks()
n = len(next(chunks).acc_g)
print(json.dumps([n, time.perf_counter() - begun, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024]))
"""


def test_a_small_parquet_of_very_many_rows_stays_small(tmp_path):
    path = tmp_path / "a.parquet"
    n = 20_000_000
    frame = pl.DataFrame({"ax": np.zeros(n, "f4")}).select(
        "ax", ay=pl.col("ax"), az=pl.col("ax") + 1
    )
    frame.write_parquet(path, compression="zstd", row_group_size=n)
    assert path.stat().st_size < 1 << 20
    imu = {
        "maker": "Lab", "rate_hz": 100, "clock": "local", "acc": AXES,
        "start": {"column": "begun", "written": "YYYYMMDDhhmmss"},
    }  # fmt: skip
    frame = frame.with_columns(begun=pl.lit("20260302093000"))
    frame.write_parquet(path, compression="zstd", row_group_size=n)

    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(path), json.dumps(imu)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    n_first, seconds, grown_mb = json.loads(done.stdout)

    assert 300_000 <= n_first <= 360_000
    assert seconds < 5
    assert grown_mb < 256


# --- mutations

SMALL = table()[:60]
SMALL_PARQUET = io.BytesIO()
SMALL.write_parquet(SMALL_PARQUET)
MUTATIONS = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.binary(max_size=5), st.integers(0, 30)),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=MUTATIONS, is_parquet=st.booleans(), is_quoted=st.booleans())
def test_mutated_files_are_read_or_refused(tmp_path, edits, is_parquet, is_quoted):
    text = csv(SMALL, quote_style="always" if is_quoted else "necessary")
    data = bytearray(SMALL_PARQUET.getvalue() if is_parquet else text)
    for at, new, n_gone in edits:
        at %= len(data) + 1
        data[at : at + n_gone] = new
    path = tmp_path / "a.dat"
    path.write_bytes(bytes(data))

    try:
        chunks = list(read_declared(path, declared()).chunks())
    except DeliveryRefused:
        return

    for chunk in chunks:
        assert np.isfinite(chunk.acc_g).all()
        if len(chunk.acc_g):
            assert chunk.knot_index[0] == 0 and chunk.knot_index[-1] == len(chunk.acc_g) - 1
            assert (np.diff(chunk.knot_us) > 0).all()
