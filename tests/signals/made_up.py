"""Made-up recordings of known content."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pipelines.contracts.shapes import SignalChunk, SignalFile

T0_S = 1_699_999_200 // 3600 * 3600  # a full hour
US = 1_000_000


def chunk(acc_g, start_s: float = T0_S, rate_hz: float = 100.0, **more) -> SignalChunk:
    """Samples at an even rate from `start_s` on, with a knot at both ends."""
    acc_g = np.asarray(acc_g, dtype=np.float32)
    last = len(acc_g) - 1
    first_us = round(start_s * US)
    index = np.array([0, last]) if last else np.array([0])
    time_us = np.array([first_us, first_us + round(last * US / rate_hz)])[: len(index)]
    return SignalChunk(index, time_us, acc_g, **more)


def split(whole: SignalChunk, at: list[int], period_us: int = 10_000) -> list[SignalChunk]:
    """The same samples in several chunks. Assumes: an even rate with a period of whole microseconds."""
    ends = [0, *sorted({a for a in at if 0 < a < len(whole.acc_g)}), len(whole.acc_g)]
    first_us = int(whole.knot_us[0])
    parts = []
    for a, b in pairwise(ends):
        index = np.array([0, b - a - 1]) if b - a > 1 else np.array([0])
        parts.append(
            SignalChunk(
                index,
                first_us + (a + index) * period_us,
                whole.acc_g[a:b],
                None if whole.gyro_dps is None else whole.gyro_dps[a:b],
            )
        )
    return parts


def signal_file(*chunks: SignalChunk, rate_hz: float = 100.0, **more) -> SignalFile:
    """A file of those chunks, with a range of 8 g."""
    said = {
        "maker": "made up",
        "model": None,
        "device_serial": None,
        "range_g": 8.0,
        "is_utc": False,
    }
    return SignalFile(rate_hz=rate_hz, chunks=lambda: iter(chunks), **(said | more))


def directions(n: int, seed: int = 1) -> np.ndarray:
    """Unit vectors all around the sphere."""
    found = np.random.default_rng(seed).normal(size=(n, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)
