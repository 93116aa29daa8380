"""What was decoded once is read again as it was, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.standardise.kept_samples import kept


class Source:
    """A recording of three chunks that counts how often it is decoded."""

    def __init__(self) -> None:
        self.n_decoded = 0

    def chunks(self) -> Iterator[SignalChunk]:
        self.n_decoded += 1
        acc_g = np.arange(12, dtype=np.float32).reshape(4, 3)
        yield SignalChunk(np.array([0, 3]), np.array([10, 40]), acc_g, findings=((7, "gap"),))
        yield SignalChunk(
            np.array([0, 3]), np.array([90, 120]), acc_g + 1, acc_g * 10, np.array([21.5, 22.0])
        )
        nothing = np.zeros(0, np.int64)
        yield SignalChunk(nothing, nothing, acc_g[:0], findings=((9, "truncated_end"),))

    def file(self, is_slow: bool = True) -> SignalFile:
        return SignalFile("m", None, None, 100.0, None, False, self.chunks, is_slow=is_slow)


def told(chunks: Iterator[SignalChunk]) -> list[dict]:
    return [
        {
            name: (value.dtype.str, value.tolist()) if isinstance(value, np.ndarray) else value
            for name, value in vars(chunk).items()
        }
        for chunk in chunks
    ]


def test_the_second_reading_gives_what_the_first_gave_without_decoding(tmp_path):
    source = Source()
    expected = told(Source().chunks())

    with kept(source.file(), tmp_path / "signals") as twice:
        readings = [told(twice.chunks()) for _ in range(3)]

    assert readings == [expected] * 3
    assert source.n_decoded == 1


def test_a_reading_broken_off_is_begun_again(tmp_path):
    source = Source()

    with kept(source.file(), tmp_path) as twice:
        next(twice.chunks())
        whole = told(twice.chunks())
        again = told(twice.chunks())

    assert whole == again == told(Source().chunks())
    assert source.n_decoded == 2


def test_nothing_stays_on_disk_whatever_happens(tmp_path):
    with pytest.raises(ZeroDivisionError), kept(Source().file(), tmp_path) as twice:
        list(twice.chunks())
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


def test_what_is_fast_to_decode_is_not_kept(tmp_path):
    source = Source()

    with kept(source.file(is_slow=False), tmp_path / "signals") as twice:
        assert told(twice.chunks()) == told(twice.chunks())

    assert source.n_decoded == 2
    assert not (tmp_path / "signals").exists()
