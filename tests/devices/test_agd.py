"""AGD files: days of counts as ActiLife's database has them, and databases that are none."""

import datetime as dt
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.devices import recognise
from pipelines.devices.agd import read
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.agd_bytes import agd_bytes

START = 1_773_478_800_000_000  # 2026-03-14 09:00 on the wall
SERIAL = "MOS2D16160581"


def counts(*axis1: int) -> np.ndarray:
    """Axes 1, 2, 3 as (a, 2a, 2a): the vector magnitude is 3a."""
    return np.array(axis1)[:, None] * np.array([1, 2, 2])


def opened(path: Path, data: bytes):
    path.write_bytes(data)
    return read(path)


def reason_of(path: Path, data: bytes) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        opened(path, data)
    assert path.name in str(refused.value)
    return refused.value.reason


def changed(data: bytes, *statements: str) -> bytes:
    """The database after these statements."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data)
        for statement in statements:
            database.execute(statement)
        database.commit()
        return database.serialize()


GOOD = agd_bytes(START, 60, counts(10, 0, 0, 0, 20), SERIAL, steps=np.array([5, 0, 0, 0, 7]))


def test_a_day_as_it_was_written(tmp_path):
    found = opened(tmp_path / "a", GOOD)

    assert recognise(tmp_path / "a").name == "agd"
    assert (found.table, found.maker, found.model) == ("wear_day", "actigraph", "wGT3XBT")
    assert (found.device_serial, found.findings) == (SERIAL, ())
    assert found.records.rows(named=True) == [
        {
            "row_no": 1,
            "wear_date": dt.date(2026, 3, 14),
            "first_local": "2026-03-14T09:00:00",
            "epoch_s": 60,
            "epochs_n": 5,
            "vm_counts_sum": 90.0,  # 3 * (10 + 20)
            "axis1_counts_sum": 30,
            "steps_n": 12,
            "nonzero_epochs_n": 2,
            "longest_zero_min": 3.0,
            "wear_min": 5.0,  # three quiet minutes are no non-wear
        }
    ]


def test_days_part_at_local_midnight_and_nonwear_runs_across_it(tmp_path):
    # 23:00 to 01:00: 10 min of movement, 100 min still, 10 min of movement
    start = START + 14 * 3_600_000_000
    data = agd_bytes(start, 60, counts(*[9] * 10, *[0] * 100, *[9] * 10), SERIAL)

    days = opened(tmp_path / "a", data).records

    assert days["wear_date"].to_list() == [dt.date(2026, 3, 14), dt.date(2026, 3, 15)]
    assert days["row_no"].to_list() == [1, 61]
    assert days["wear_min"].to_list() == [10.0, 10.0]
    assert days["steps_n"].to_list() == [None, None]  # the mode says that no steps were counted


def test_one_axis_by_the_mode_has_no_vector_magnitude(tmp_path):
    data = agd_bytes(START, 60, counts(4, 5), SERIAL, settings={"modenumber": "0"})

    day = opened(tmp_path / "a", data).records.row(0, named=True)

    assert (day["vm_counts_sum"], day["axis1_counts_sum"], day["steps_n"]) == (None, 9, None)


def test_wear_time_of_an_epoch_that_does_not_divide_a_minute_is_not_guessed(tmp_path):
    found = opened(tmp_path / "a", agd_bytes(START, 90, counts(1, 2, 3), SERIAL))

    assert found.records["wear_min"].to_list() == [None]
    assert found.findings == ((1, "epoch_not_60_s"),)


@pytest.mark.parametrize(
    ("cells", "rule"),
    [
        ("axis1 = NULL", "unreadable_epoch"),
        ("axis1 = -1", "unreadable_epoch"),
        ("axis2 = 1.5", "unreadable_epoch"),
        ("axis3 = 1e300", "unreadable_epoch"),
        ("axis3 = 'many'", "unreadable_epoch"),
        ("steps = x'00ff'", "unreadable_epoch"),
        ("dataTimestamp = 5", "unreadable_epoch"),
        ("dataTimestamp = dataTimestamp + 1", "off_grid_epoch"),
        ("dataTimestamp = dataTimestamp - 36000000000000", "off_grid_epoch"),
        ("dataTimestamp = dataTimestamp + 600000000 * 700000", "off_grid_epoch"),
        ("dataTimestamp = dataTimestamp - 600000000", "repeated_epoch"),
    ],
)
def test_a_row_that_is_no_epoch_is_found_and_its_minute_is_missing(tmp_path, cells, rule):
    data = changed(
        agd_bytes(START, 60, counts(1, 1, 7, 1), SERIAL, steps=np.arange(4)),
        f"UPDATE data SET {cells} WHERE rowid = 3",
    )

    found = opened(tmp_path / "a", data)

    assert found.findings == ((3, rule),)
    day = found.records.row(0, named=True)
    assert (day["epochs_n"], day["axis1_counts_sum"], day["wear_min"]) == (3, 3, 3.0)


def test_rows_out_of_order_are_put_in_order(tmp_path):
    data = changed(
        agd_bytes(START, 60, counts(5, 0, 0, 0), SERIAL),
        "CREATE TABLE other AS SELECT * FROM data ORDER BY dataTimestamp DESC",
        "DELETE FROM data",
        "INSERT INTO data SELECT * FROM other",
    )

    day = opened(tmp_path / "a", data).records.row(0, named=True)

    assert (day["row_no"], day["longest_zero_min"]) == (4, 3.0)


def test_a_large_list_of_tables_out_of_sight_is_still_recognised(tmp_path):
    tables = [f"CREATE TABLE crouterEpoch{i} (dataTimestamp INTEGER, x TEXT)" for i in range(200)]

    found = opened(tmp_path / "a", changed(GOOD, *tables))

    assert recognise(tmp_path / "a").name == "agd"
    assert found.records["axis1_counts_sum"].to_list() == [30]


NO_ROWS = agd_bytes(START, 60, np.zeros((0, 3)), SERIAL)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (GOOD[:100], "unreadable"),
        (GOOD[:5000], "unreadable"),
        (b"SQLite format 3\0" + bytes(10_000), "unreadable"),
        (NO_ROWS, "no_epochs"),
        (changed(GOOD, "DROP TABLE settings"), "unreadable"),
        (changed(GOOD, "DROP TABLE data"), "unreadable"),
        (changed(GOOD, "ALTER TABLE data DROP COLUMN axis1"), "unreadable"),
        (changed(GOOD, "ALTER TABLE data RENAME COLUMN dataTimestamp TO at"), "unreadable"),
        (changed(GOOD, "UPDATE settings SET settingValue = '0' WHERE settingName = 'epochlength'"),
         "unreadable"),
        (changed(GOOD, "UPDATE settings SET settingValue = '٣' WHERE settingName = 'epochlength'"),
         "unreadable"),
        (changed(GOOD, "UPDATE data SET axis1 = NULL WHERE rowid > 2"), "no_epochs"),
    ],
)  # fmt: skip
def test_databases_that_do_not_do(tmp_path, data, reason):
    assert reason_of(tmp_path / "a", data) == reason


def test_a_file_over_the_limit_is_not_opened(tmp_path):
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)  # sparse: no byte is written

    with pytest.raises(DeliveryRefused) as refused:
        read(path)

    assert refused.value.reason == "too_large"


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT i AS dataTimestamp, i AS axis1, 0 AS axis2, 0 AS axis3 FROM n"
)


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP TABLE data", f"CREATE VIEW data AS {ENDLESS}"],
        ["DROP TABLE settings",
         "CREATE VIEW settings AS SELECT 'epochlength' AS settingName, '60' AS settingValue"],
        ["ALTER TABLE data ADD COLUMN axis9 AS (length(hex(zeroblob(200000000))))",
         "ALTER TABLE data DROP COLUMN axis1",
         "ALTER TABLE data ADD COLUMN axis1 AS (length(hex(zeroblob(200000000))))"],
    ],
)  # fmt: skip
def test_views_and_computed_columns_do_no_work(tmp_path, statements):
    began = time.process_time()

    assert reason_of(tmp_path / "a", changed(GOOD, *statements)) == "unreadable"
    assert time.process_time() - began < 2


def test_a_cell_of_a_hundred_megabytes_is_not_read(tmp_path):
    data = changed(GOOD, "UPDATE settings SET settingValue = zeroblob(100000000) WHERE rowid = 1")

    assert reason_of(tmp_path / "a", data) == "unreadable"


@pytest.mark.parametrize("lie", [b"\xff\x7f\x01\x01", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff"])
def test_a_cell_that_lies_about_its_size_is_refused(tmp_path, lie):
    marked = changed(GOOD, "UPDATE data SET axis1 = x'4142434445464748494a4b4c4d4e4f50'")
    # in front of the cell: 8 bytes of time stamp, and in front of these four types of cell
    at = marked.find(b"ABCDEFGHIJKLMNOP") - 8 - 4
    assert marked[at] == 2 * 16 + 12  # the type of a blob of 16 bytes
    lying = marked[:at] + lie + marked[at + 4 :]

    assert reason_of(tmp_path / "a", lying) in ("unreadable", "no_epochs")


def test_nothing_is_written_beside_the_file(tmp_path):
    opened(tmp_path / "a", GOOD)

    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == GOOD


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    places=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=12),
    cut=st.integers(0, len(GOOD)),
)
def test_mutated_databases_are_read_or_refused(tmp_path, places, cut):
    data = bytearray(GOOD)
    for at, byte in places:
        data[at] = byte
    try:
        found = opened(tmp_path / "a", bytes(data[: cut or None]))
    except DeliveryRefused:
        return
    assert found.table == "wear_day" and len(found.records) > 0


def test_an_ordinary_page_size_and_a_real_schema(tmp_path):
    # the schema of ActiLife 6.13.3, in its page size of 1024, where the list takes several pages
    data = changed(
        GOOD,
        "CREATE TABLE sleep (sleepID INTEGER PRIMARY KEY, inBedTimestamp INTEGER)",
        "CREATE TABLE awakenings (awakeningID INTEGER PRIMARY KEY, sleepID INTEGER)",
        "CREATE TABLE filters (filterID INTEGER PRIMARY KEY, filterStartTimestamp INTEGER)",
        "CREATE INDEX IX_dataTimestamp ON data (dataTimestamp)",
    )
    with closing(sqlite3.connect(tmp_path / "small", isolation_level=None)) as database:
        database.execute("PRAGMA page_size = 1024")
        with closing(sqlite3.connect(":memory:")) as source:
            source.deserialize(data)
            for statement in source.iterdump():
                database.execute(statement)

    assert recognise(tmp_path / "small").name == "agd"
    assert read(tmp_path / "small").records["steps_n"].to_list() == [12]
