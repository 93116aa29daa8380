import numpy as np
import pytest

from pipelines.devices.gt3x_chunks import log_chunks, usual_per_s
from pipelines.devices.gt3x_records import Records
from pipelines.devices.gt3x_setup import read_setup
from pipelines.devices.zip_members import Piece
from pipelines.errors import DeliveryRefused
from pipelines.synthetic.gt3x_bytes import record

SECOND = 1_772_443_800
SETUP = read_setup({"serial number": "TAS1", "sample rate": "30"}, None, 30, "a")
PAYLOAD = bytes(v for k in range(90) for v in (k, 0))  # samples of up to 89 steps


def chunks(log: bytes, step: int | None = None, end: str = "whole"):
    """The chunks of a log that comes `step` bytes at a time."""
    step = step or max(1, len(log))
    parts = [Piece(log[at : at + step]) for at in range(0, len(log), step)]
    return list(log_chunks([*parts, Piece(b"", end)], SETUP, 30, "a"))


def log_of(seconds) -> bytes:
    return b"".join(record(26, SECOND + k, PAYLOAD) for k in seconds)


@pytest.mark.parametrize("step", [1, 50, 189, 1000])
def test_how_the_bytes_come_makes_no_difference(step):
    asleep = record(3, SECOND + 20, b"\x08") + record(3, SECOND + 30, b"\x09")
    log = (
        log_of(range(10)) + b"\x1e\xff" + log_of(range(11, 20)) + asleep + log_of([30, 31, 40, 39])
    )

    at_once, bit_by_bit = chunks(log), chunks(log, step)

    assert [len(chunk.acc_g) // 30 for chunk in at_once] == [10, 9, 2, 1, 1]
    assert [[rule for _, rule in chunk.findings] for chunk in at_once] == [
        [], ["bad_block"], ["sleep_gap"], ["gap"], ["clock_jump"],
    ]  # fmt: skip
    for one, other in zip(at_once, bit_by_bit, strict=True):
        assert one.findings == other.findings
        assert one.knot_us.tolist() == other.knot_us.tolist()
        assert np.array_equal(one.acc_g, other.acc_g)


def test_a_hole_that_the_damage_explains_is_not_named_twice():
    log = log_of([0, 1]) + log_of([2])[:-1] + b"\0" + log_of([3])

    assert [finding for chunk in chunks(log) for finding in chunk.findings] == [(3, "bad_block")]


def test_a_hole_larger_than_the_damage_before_it_is_a_gap_too():
    log = log_of([0, 1]) + log_of([2])[:-1] + b"\0" + log_of([300])

    assert [finding for chunk in chunks(log) for finding in chunk.findings] == [
        (3, "bad_block"),
        (4, "gap"),
    ]


@pytest.mark.parametrize("event", [b"\x05", b"\x08\x01"])
def test_other_events_explain_no_gap(event):
    log = log_of([0, 1]) + record(3, SECOND + 2, event) + log_of([9])

    assert chunks(log)[1].findings == ((4, "gap"),)


@pytest.mark.parametrize(
    ("end", "rules"),
    [("whole", []), ("cut", ["truncated_end"]), ("longer", ["trailing_bytes"]),
     ("bad_checksum", ["bad_block"])],
)  # fmt: skip
def test_how_the_archive_ends_is_said_once(end, rules):
    assert [
        rule for chunk in chunks(log_of([0, 1]), end=end) for _, rule in chunk.findings
    ] == rules


def test_a_second_that_is_none_is_damaged():
    log = log_of([0]) + record(26, SECOND + 1, PAYLOAD[:60]) + record(26, SECOND + 2, PAYLOAD * 2)

    assert [finding for chunk in chunks(log) for finding in chunk.findings] == [
        (2, "bad_block"),
        (3, "bad_block"),
    ]


@pytest.mark.parametrize(("end", "reason"), [("whole", "no_samples"), ("cut", "truncated")])
def test_without_a_sample_there_is_no_recording(end, reason):
    with pytest.raises(DeliveryRefused) as refused:
        chunks(record(2, SECOND, b"\0\0"), end=end)

    assert refused.value.reason == reason


def test_the_usual_number_of_samples():
    def of(*n_bytes: int) -> int | None:
        n = np.array(n_bytes)
        return usual_per_s(Records(np.full(len(n), 26), n, n, n, n))

    assert of(180, 600, 600, 1, 12) == 100
    assert of(1, 12, 60_000) is None
    assert of() is None
