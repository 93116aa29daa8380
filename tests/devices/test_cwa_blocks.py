"""Blocks of 512 bytes found in a stretch, however it is cut."""

import numpy as np
import pytest

from pipelines.devices.cwa_blocks import BAD, TRAILING, TRUNCATED, find_blocks, no_junk
from pipelines.synthetic.cwa_bytes import cwa_bytes

BLOCKS = cwa_bytes(0, 100, np.zeros((600, 3)), 1)[1024:]  # five


def found(data: bytes, size: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Places of blocks and faults where `size` bytes are read at a time."""
    at, faults, place, held, junk, is_end = [], [], 0, b"", no_junk(), False
    reads = iter([data[i : i + size] for i in range(0, len(data), size)] + [b""])
    while not is_end:
        new = next(reads)
        is_end = not new
        held += new
        one = find_blocks(np.frombuffer(held, np.uint8), is_end, junk)
        at += (one.at + place).tolist()
        faults += [(place + int(where), int(kind)) for where, kind in one.faults]
        held, place, junk = held[one.end :], place + one.end, one.junk
    return at, faults


@pytest.mark.parametrize("size", [100, 512, 513, 700, 5000])
@pytest.mark.parametrize(
    ("data", "at", "faults"),
    [
        (BLOCKS, [0, 512, 1024, 1536, 2048], []),
        (BLOCKS + b"\xff" * 1000, [0, 512, 1024, 1536, 2048], [(2560, TRAILING)]),
        (BLOCKS + bytes(1000), [0, 512, 1024, 1536, 2048], [(2560, BAD)]),
        (BLOCKS[:2050], [0, 512, 1024, 1536][:4], [(2048, TRUNCATED)]),
        (BLOCKS[:2400], [0, 512, 1024, 1536], [(2048, TRUNCATED)]),
        (b"\xff" * 900 + BLOCKS[:512], [900], [(0, BAD)]),
        (BLOCKS[:512] + b"junk" + BLOCKS[:700], [0, 516], [(512, BAD), (1028, TRUNCATED)]),
        (b"X" + BLOCKS[1:1024], [512], [(0, BAD)]),
        (BLOCKS[:40] + b"\x99" + BLOCKS[41:1024], [512], [(0, BAD)]),
        (b"", [], []),
    ],
)
def test_what_is_found_does_not_depend_on_how_much_is_read_at_a_time(data, at, faults, size):
    assert found(data, size) == (at, faults)
