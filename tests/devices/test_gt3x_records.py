import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.devices.gt3x_records import (
    ACTIVITY2,
    CUT,
    DAMAGED,
    TRAILING,
    decode,
    find_records,
    fresh_state,
    n_samples_of,
)
from pipelines.synthetic.gt3x_bytes import record

SECOND = 1_772_443_800
LOG = b"".join(record(ACTIVITY2, SECOND + k, bytes([k]) * 18) for k in range(5))
SIZE = 9 + 18


def found_in(data: bytes, step: int | None = None) -> list[tuple[int, int, int]]:
    """(kind, second, number) of all that is found, with the bytes coming `step` at a time."""
    state, rest, found = fresh_state(), b"", []
    stops = range(step, len(data), step) if step else []
    begin = 0
    for stop in [*stops, len(data)]:
        rest += data[begin:stop]
        begin = stop
        array = np.frombuffer(rest, np.uint8)
        records, used = find_records(array, stop == len(data), state)
        found += zip(
            *(x.tolist() for x in (records.kind, records.second, records.number)), strict=True
        )
        rest = rest[used:]
    return found


GOOD = [(ACTIVITY2, SECOND + k, k + 1) for k in range(5)]


def test_records_in_a_row():
    assert found_in(LOG) == GOOD


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # a byte of the third payload
        (LOG[:70] + b"\xaa" + LOG[71:], [*GOOD[:2], (DAMAGED, 0, 3), *GOOD[3:]]),
        # the mark of the third
        (LOG[: 2 * SIZE] + b"\0" + LOG[2 * SIZE + 1 :], [*GOOD[:2], (DAMAGED, 0, 3), *GOOD[3:]]),
        # its length
        (LOG[: 2 * SIZE + 6] + b"\xff\xff" + LOG[2 * SIZE + 8 :],
         [*GOOD[:2], (DAMAGED, 0, 3), *GOOD[3:]]),
        (LOG[: 2 * SIZE] + LOG[2 * SIZE + 9 :], [*GOOD[:2], (DAMAGED, 0, 3), *GOOD[3:]]),
        (LOG + LOG[:10], [*GOOD, (CUT, 0, 6)]),
        (LOG + b"\xff" * 50, [*GOOD, (TRAILING, 0, 6)]),
        (LOG + b"\0" * 50, GOOD),
        (b"", []),
        (b"\x1e" * 100, [(CUT, 0, 1)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [None, 1, 7, 40])
def test_what_is_damaged_is_skipped_however_the_bytes_come(data, expected, step):
    found = found_in(data, step)

    # a damaged record counts as one
    numbers = np.cumsum([1] * len(expected)).tolist()
    assert found == [
        (kind, second, no) for (kind, second, _), no in zip(expected, numbers, strict=True)
    ]


def test_the_shortest_records_and_stretches_find_room():
    one = record(ACTIVITY2, SECOND, b"") + b"\x1e"

    found = found_in(one * 2000)

    assert [kind for kind, *_ in found] == [ACTIVITY2, DAMAGED] * 1999 + [ACTIVITY2, CUT]


def test_looking_for_the_next_record_takes_time_in_proportion():
    # every eighth byte looks like a record of 16 kB with a likely type and time
    lure = b"\x1e\x06" + SECOND.to_bytes(4, "little") + b"\xff\x3f"
    data = np.frombuffer(b"\xff" + lure * 500_000, np.uint8)
    find_records(data[:1000], True, fresh_state())

    records, used = find_records(data, True, fresh_state())

    assert (len(records), used) == (1, len(data))


@settings(max_examples=200, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, len(LOG) - 1), st.integers(0, 255)), max_size=8),
    removed=st.tuples(st.integers(0, len(LOG)), st.integers(0, 40)),
    step=st.integers(1, 200),
)
def test_any_damage_ends_in_records_that_are_there_or_in_none(places, removed, step):
    data = bytearray(LOG)
    for at, byte in places:
        data[at] = byte
    del data[removed[0] : sum(removed)]

    found = found_in(bytes(data), step)

    numbers = [number for *_, number in found]
    assert numbers == sorted(set(numbers))
    assert found == found_in(bytes(data))
    whole = [row for row in GOOD if data.find(LOG[(row[2] - 1) * SIZE : row[2] * SIZE]) >= 0]
    assert len([row for row in found if row[0] == ACTIVITY2]) >= len(whole) - 1


def test_how_many_samples_a_payload_has():
    # 4.5 bytes a packed sample, 6 otherwise
    assert n_samples_of(np.array([0, 0, 0, 26, 26]), np.array([450, 135, 14, 600, 17])).tolist() == [
        100, 30, 3, 100, 2,
    ]  # fmt: skip


def test_the_published_example_of_sixteen_bits():
    # github.com/actigraph/GT3X-File-Format, Activity2.md: second sample 48, -52, 322
    payload = bytes.fromhex("0000000000003000ccff4201")
    data = np.frombuffer(record(ACTIVITY2, SECOND, payload), np.uint8)
    records, _ = find_records(data, True, fresh_state())

    acc, n_at_limit = decode(data, records, np.array([2]), (0, 1, 2), (1 / 256,) * 3, 322)

    assert acc.tolist() == [[0, 0, 0], [0.1875, -0.203125, 1.2578125]]
    assert n_at_limit == 1


@pytest.mark.parametrize("raw", [-2048, -2047, -1, 0, 1, 2047])
def test_all_values_of_twelve_bits(raw):
    # y, x, z of both samples, highest bit first
    bits = "".join(f"{value & 0xFFF:012b}" for value in (raw, 5, -6, 7, -8, raw))
    data = np.frombuffer(record(0, SECOND, int(bits, 2).to_bytes(9, "big")), np.uint8)
    records, _ = find_records(data, True, fresh_state())

    acc, _ = decode(data, records, np.array([2]), (0, 1, 2), (1.0,) * 3, 2047)

    assert acc.tolist() == [[5, raw, -6], [-8, 7, raw]]
