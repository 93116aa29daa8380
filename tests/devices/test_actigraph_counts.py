import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.devices.actigraph_counts import read, recognise
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.actigraph_text import counts_text, write_counts

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "actigraph_csv"
START = dt.datetime(2026, 3, 14, 9, 0)
FIRST = 11  # line of the first epoch without a header row


def counts(*axis1: int) -> np.ndarray:
    """Axes 1, 2, 3 as (a, 2a, 2a): the vector magnitude is 3a."""
    return np.array(axis1)[:, None] * np.array([1, 2, 2])


def text(axes: np.ndarray, steps=None, start=START, epoch_s=60, order="MDY", **kind) -> str:
    return counts_text("MOS2D16160581", start, epoch_s, axes, steps, order, **kind)


def read_text(tmp_path: Path, content: str | bytes, **options):
    path = tmp_path / "counts.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("ascii"))
    return read(path, **options)


def reason_of(tmp_path: Path, content: str | bytes, **options) -> str:
    with pytest.raises(DeliveryRefused) as refused:
        read_text(tmp_path, content, **options)
    return refused.value.reason


def test_a_day_as_the_writer_writes_it(tmp_path):
    path = tmp_path / "counts.csv"
    axes = counts(10, 0, 0, 0, 20)
    write_counts(
        path, serial="MOS2D16160581", start_local=START, epoch_s=60, counts=axes,
        steps=np.array([5, 0, 0, 0, 7]), date_order="DMY",
    )  # fmt: skip

    found = read(path)

    assert (found.table, found.maker, found.model) == ("wear_day", "actigraph", "wGT3XBT")
    assert found.device_serial == "MOS2D16160581"
    assert found.findings == ()
    assert found.records.rows(named=True) == [
        {
            "row_no": FIRST,
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


def test_days_part_at_local_midnight(tmp_path):
    start = dt.datetime(2026, 3, 14, 23, 58)

    days = read_text(tmp_path, text(counts(1, 2, 0, 0, 5), start=start)).records

    assert days["wear_date"].to_list() == [dt.date(2026, 3, 14), dt.date(2026, 3, 15)]
    assert days["first_local"].to_list() == ["2026-03-14T23:58:00", "2026-03-15T00:00:00"]
    assert days["row_no"].to_list() == [FIRST, FIRST + 2]
    assert days["axis1_counts_sum"].to_list() == [3, 5]
    assert days["longest_zero_min"].to_list() == [0.0, 2.0]


def test_nonwear_runs_across_midnight(tmp_path):
    # 23:00 to 01:00: 10 min of movement, 100 min still, 10 min of movement
    start = dt.datetime(2026, 3, 14, 23, 0)
    axes = counts(*[9] * 10, *[0] * 100, *[9] * 10)

    days = read_text(tmp_path, text(axes, start=start)).records

    assert days["wear_min"].to_list() == [10.0, 10.0]
    assert days["longest_zero_min"].to_list() == [50.0, 50.0]


def test_short_epochs_are_summed_to_minutes_before_nonwear(tmp_path):
    # 90 min of 10 s epochs; one count in each of minutes 40 and 41: an artefact of 2 minutes
    axis1 = np.zeros(540, int)
    axis1[[6 * 40, 6 * 41 + 5]] = 1

    day = read_text(tmp_path, text(counts(*axis1), epoch_s=10)).records.row(0, named=True)

    assert day["wear_min"] == 0.0
    assert day["nonzero_epochs_n"] == 2
    # epochs 252..539 are 288 of 10 s
    assert day["longest_zero_min"] == pytest.approx(48.0)


def test_wear_time_of_an_epoch_that_does_not_divide_a_minute_is_not_guessed(tmp_path):
    found = read_text(tmp_path, text(counts(1, 2, 3), epoch_s=90))

    assert found.records["wear_min"].to_list() == [None]
    assert found.findings == ((FIRST, "epoch_not_60_s"),)


def test_no_steps_column_is_null_steps(tmp_path):
    assert read_text(tmp_path, text(counts(1, 2))).records["steps_n"].to_list() == [None]


def test_one_axis_has_no_vector_magnitude(tmp_path):
    content = (
        text(counts(4, 5))
        .replace("Mode = 12", "Mode = 0")
        .replace("4,8,8", "4")
        .replace("5,10,10", "5")
    )

    day = read_text(tmp_path, content).records.row(0, named=True)

    assert (day["vm_counts_sum"], day["axis1_counts_sum"]) == (None, 9)


@pytest.mark.parametrize(
    "bad", ["x,2,2", "1,2", "1,2,2,2", "", "-1,2,2", "1.5,2,2", "99999999999999999999,2,2", "1,,2"]
)
def test_a_line_that_is_no_epoch_is_found_and_its_minute_is_missing(tmp_path, bad):
    lines = text(counts(1, 1, 7, 1)).split("\r\n")
    lines[FIRST + 1] = bad  # the third epoch

    found = read_text(tmp_path, "\r\n".join(lines))

    assert found.findings == ((FIRST + 2, "unreadable_epoch"),)
    day = found.records.row(0, named=True)
    assert (day["epochs_n"], day["axis1_counts_sum"], day["wear_min"]) == (3, 3, 3.0)


def test_bytes_that_are_no_text_spoil_their_own_line_only(tmp_path):
    content = text(counts(1, 7, 1)).encode().replace(b"7,14,14", b"\xff\xfe\x00,14,14")

    found = read_text(tmp_path, content)

    assert found.findings == ((FIRST + 1, "unreadable_epoch"),)
    assert found.records["axis1_counts_sum"].to_list() == [2]


def test_an_unreadable_minute_is_forgiven_inside_a_still_stretch_like_a_spike(tmp_path):
    lines = text(counts(*[0] * 100)).split("\r\n")
    lines[FIRST - 1 + 50] = "?"

    day = read_text(tmp_path, "\r\n".join(lines)).records.row(0, named=True)

    assert (day["epochs_n"], day["wear_min"], day["longest_zero_min"]) == (99, 0.0, 50.0)


@pytest.mark.parametrize("n_lost", [1, 3, 5])
def test_a_cut_last_line_is_missing_because_digits_may_be_gone(tmp_path, n_lost):
    content = text(counts(1, 2, 345))

    found = read_text(tmp_path, content[:-n_lost].rstrip("\r"))

    assert found.findings == ((FIRST + 2, "unreadable_epoch"),)
    assert found.records["epochs_n"].to_list() == [2]


def test_blank_lines_at_the_end_are_no_epochs(tmp_path):
    found = read_text(tmp_path, text(counts(1, 2)) + "\r\n\r\n")

    assert (found.findings, found.records["epochs_n"].to_list()) == ((), [2])


def test_time_stamps_place_epochs_when_lines_are_lost(tmp_path):
    lines = text(counts(*[1] * 5), start=dt.datetime(2026, 3, 14, 23, 57), timestamps=True).split(
        "\r\n"
    )
    del lines[11 + 2]  # the third epoch, 23:59

    found = read_text(tmp_path, "\r\n".join(lines))

    assert found.records["epochs_n"].to_list() == [2, 2]
    assert found.records["row_no"].to_list() == [12, 14]


@pytest.mark.parametrize(
    ("stamp", "rule"),
    [
        ("2026-03-14T09:00:30Z", "off_grid_epoch"),
        ("9999-03-14T09:02:00Z", "off_grid_epoch"),
        ("2026-03-13T09:02:00Z", "off_grid_epoch"),
        ("2026-03-14T09:01:00Z", "repeated_epoch"),
        ("yesterday", "unreadable_epoch"),
    ],
)
def test_stamps_that_do_not_fit_are_found(tmp_path, stamp, rule):
    content = text(counts(1, 1, 7, 1), timestamps=True).replace("2026-03-14T09:02:00Z", stamp)

    found = read_text(tmp_path, content)

    assert found.findings == ((14, rule),)
    assert found.records["axis1_counts_sum"].to_list() == [3]


APRIL_3 = dt.datetime(2026, 4, 3, 9, 0)


@pytest.mark.parametrize("order", ["MDY", "DMY", "YMD"])
def test_the_order_that_the_banner_names_holds(tmp_path, order):
    other = "DMY" if order == "MDY" else "MDY"

    found = read_text(tmp_path, text(counts(1), start=APRIL_3, order=order), date_order=other)

    assert found.records["wear_date"].to_list() == [APRIL_3.date()]


@pytest.mark.parametrize("order", ["MDY", "DMY"])
def test_an_unnamed_order_that_both_would_fit_is_refused_unless_declared(tmp_path, order):
    content = text(counts(1), start=APRIL_3, order=order, name_date_order=False)

    assert reason_of(tmp_path, content) == "ambiguous_date"
    declared = read_text(tmp_path, content, date_order=order)
    assert declared.records["wear_date"].to_list() == [APRIL_3.date()]


@pytest.mark.parametrize("start", [START, dt.datetime(2026, 5, 5, 9, 0)])
def test_an_unnamed_order_that_makes_no_difference_is_read(tmp_path, start):
    content = text(counts(1), start=start, name_date_order=False)

    assert read_text(tmp_path, content).records["wear_date"].to_list() == [start.date()]


def test_year_first_stamps_settle_an_unnamed_order(tmp_path):
    content = text(counts(1), start=APRIL_3, order="DMY", name_date_order=False, timestamps=True)

    assert read_text(tmp_path, content).records["wear_date"].to_list() == [APRIL_3.date()]


def test_a_banner_that_its_own_dates_contradict_is_found(tmp_path):
    # written month first, said to be day first; only 14 March can be meant
    content = text(counts(1)).replace("M/d/yyyy", "dd/MM/yyyy")

    found = read_text(tmp_path, content)

    assert found.records["wear_date"].to_list() == [START.date()]
    assert found.findings == ((FIRST, "date_order_contradicted"),)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Start Date 3/14/2026", "Start Date 14/14/2026", "bad_banner"),
        ("Start Date 3/14/2026", "Start Date 3/14/26", "bad_banner"),
        ("Start Date 3/14/2026", "Begin 3/14/2026", "bad_banner"),
        ("Start Date 3/14/2026", "Start Date 3/14/9999", "bad_banner"),
        ("Start Time 09:00:00", "Start Time 29:00:00", "bad_banner"),
        ("00:01:00", "00:00:00", "bad_banner"),
        ("00:01:00", "one minute", "bad_banner"),
        ("-" * 50, "", "bad_banner"),
        ("Mode = 12", "Mode = 61", "unknown_columns"),
        ("Mode = 12", "Mode = 999999", "bad_columns_or_read"),
    ],
)
def test_banners_that_do_not_do(tmp_path, old, new, reason):
    content = text(counts(1, 2)).replace(old, new)
    if reason == "bad_columns_or_read":  # three columns without a mode can only be the axes
        assert read_text(tmp_path, content).records["axis1_counts_sum"].to_list() == [3]
    else:
        assert reason_of(tmp_path, content) == reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (text(counts(1))[:200].encode(), "bad_banner"),
        (text(np.zeros((0, 3), int)).encode(), "no_epochs"),
        (text(np.zeros((0, 3), int), header=True).encode(), "no_epochs"),
        (text(counts(1)).encode() + b"x,x,x\n" * 3, "no_epochs"),  # most lines are no epochs
        (text(np.zeros((0, 3), int)).encode() + b"," * 100_000, "unknown_columns"),
        (text(np.zeros((0, 3), int)).encode() + b"axis2,axis3,axis11\n1,2,3\n", "unknown_columns"),
    ],
)
def test_files_without_usable_epochs_are_refused(tmp_path, content, reason):
    assert reason_of(tmp_path, content) == reason


def test_a_date_order_that_does_not_exist_is_a_programming_error(tmp_path):
    with pytest.raises(ValueError, match="MDY, DMY, YMD"):
        read_text(tmp_path, text(counts(1)), date_order="YDM")


def test_hundreds_of_mutations_are_read_or_refused_and_nothing_else(tmp_path):
    rng = np.random.default_rng(2011)
    good = text(counts(*range(200)), steps=np.arange(200), header=True).encode()
    outcomes = set()
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.integers(1, 20)):
            at, n = int(rng.integers(len(data))), int(rng.integers(1, 30))
            match rng.integers(3):
                case 0:
                    data[at] = int(rng.integers(256))
                case 1:
                    del data[at : at + n]
                case _:
                    data[at:at] = rng.bytes(n)
        recognise(bytes(data[:4096]))
        try:
            assert read_text(tmp_path, bytes(data)).table == "wear_day"
            outcomes.add("read")
        except DeliveryRefused as refused:
            outcomes.add(refused.reason)

    assert {"read", "bad_banner"} <= outcomes


@pytest.mark.parametrize(
    ("name", "first_local", "epoch_s", "n_axes_and_steps", "n_banner", "serial"),
    [
        ("ActiGraph13.csv", "2013-08-26T09:00:00", 15, 4, 10, "CLE2A2123456"),
        ("ActiGraph61.csv", "2016-08-15T21:35:00", 5, 4, 10, "MOS2D16160581"),
        # the banner says day first; its download date and the time stamps say month first
        ("ActiGraph13_timestamps_headers.csv", "2017-09-12T15:00:00", 1, 4, 11, "TAS1D48140206"),
    ],
)
def test_real_exports(name, first_local, epoch_s, n_axes_and_steps, n_banner, serial):
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("../shared/samples/actigraph_csv is absent")
    rows = pl.read_csv(path, skip_rows=n_banner, has_header=False, infer_schema_length=None)
    numbers = rows.select(pl.col(pl.Int64)).to_numpy()[:, :n_axes_and_steps]

    found = read(path)

    assert found.device_serial == serial
    day = found.records.row(0, named=True)
    assert (day["first_local"], day["epoch_s"]) == (first_local, epoch_s)
    assert day["epochs_n"] == len(numbers) == len(path.read_text().splitlines()) - n_banner
    assert (day["axis1_counts_sum"], day["steps_n"]) == (numbers[:, 0].sum(), numbers[:, 3].sum())
    assert day["vm_counts_sum"] == pytest.approx(np.linalg.norm(numbers[:, :3], axis=1).sum())
    contradicted = name == "ActiGraph13_timestamps_headers.csv"
    assert found.findings == (((12, "date_order_contradicted"),) if contradicted else ())
