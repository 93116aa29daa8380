"""Writes a made-up recorded day (or several) at the lower back in every raw format.

    python benchmarks/recorded_day.py FOLDER DAYS [FORMAT ...]

A day has about 76 minutes of walking in 40 bouts, 5 hours of moving about that is no walking, sitting and standing
in changing postures, and a night. The days of a longer recording are that one day again. Same bytes on every run.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from benchmarks.wearable_peers import FILES  # noqa: E402
from pipelines.synthetic.actigraph_raw_text import raw_csv_bytes  # noqa: E402
from pipelines.synthetic.axivity_text import axivity_csv_bytes  # noqa: E402
from pipelines.synthetic.cwa_bytes import cwa_bytes  # noqa: E402
from pipelines.synthetic.geneactiv_bytes import geneactiv_bytes  # noqa: E402
from pipelines.synthetic.gt3x_bytes import gt3x_bytes  # noqa: E402
from pipelines.synthetic.walking import Bout, simulate  # noqa: E402

RATE_HZ, HOUR_S, SEED = 100, 3600, 20251103
START_US = 1_762_128_000_000_000  # 2025-11-03 00:00:00
_NIGHT_H, _BUSY_H = (0, 1, 2, 3, 4, 5, 6, 23), (8, 10, 13, 17, 19)


def day() -> tuple[np.ndarray, np.ndarray, int]:
    """Accelerations in g (n, 3) and turning in degrees per second (n, 3) of one day, float32; the steps in it."""
    rng = np.random.default_rng(SEED)
    acc, gyro, steps_n = zip(*(_hour(hour, rng) for hour in range(24)), strict=True)
    return np.concatenate(acc), np.concatenate(gyro), sum(steps_n)


def _hour(hour: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """In each of 16 waking hours two or three walks, their lengths as walks of a day are: most of them short."""
    n = HOUR_S * RATE_HZ
    turned = _postures(n, rng)
    if hour in _NIGHT_H:
        acc, gyro = turned + rng.normal(0, 0.003, (n, 3)), rng.normal(0, 0.3, (n, 3))
        return acc.astype(np.float32), gyro.astype(np.float32), 0
    walks, at_s = [], 120.0
    for minutes in _MINUTES[hour % 4]:
        cadence = rng.uniform(95, 118)
        steps = round(minutes * cadence)
        walks.append(
            Bout(at_s, steps, cadence, rng.uniform(0.7, 1.3), turn_every=int(rng.choice([0, 40])))
        )
        at_s += minutes * 60 * 1.1 + 300
    walked = simulate(walks, HOUR_S, RATE_HZ, rng)
    acc, gyro = walked.acc_g, walked.gyro_dps
    if hour in _BUSY_H:  # arms and trunk at work, without a rhythm
        acc = acc + _restless(n, 0.08, rng)
        gyro = gyro + _restless(n, 15.0, rng)
    standing = np.ones(n, bool)
    for walk in walked.bouts.iter_rows(named=True):
        standing[int((walk["start_s"] - 3) * RATE_HZ) : int((walk["end_s"] + 3) * RATE_HZ)] = False
    acc[standing] += turned[standing] - [0.0, 0.0, 1.0]
    return acc.astype(np.float32), gyro.astype(np.float32), int(walked.bouts["steps_n"].sum())


# 16 waking hours, four kinds of them: 40 walks, 76 minutes
_MINUTES = ((0.4, 0.8, 1.5), (0.6, 6.0), (0.5, 1.2, 2.0), (1.0, 5.0))


def _postures(n: int, rng: np.random.Generator) -> np.ndarray:
    """Gravity in a posture kept for 10 minutes, then another: (n, 3), its length 1 g."""
    kept = rng.normal(0, 1, (6, 3))
    return np.repeat(kept / np.linalg.norm(kept, axis=1)[:, None], n // 6, axis=0)


def _restless(n: int, size: float, rng: np.random.Generator) -> np.ndarray:
    """Noise mostly below the rhythm of steps, that comes and goes by the minute."""
    smooth = np.cumsum(rng.normal(0, 1, (n + RATE_HZ, 3)), axis=0)
    smooth = (smooth[RATE_HZ:] - smooth[:-RATE_HZ]) / np.sqrt(RATE_HZ)
    ebb = np.repeat(rng.uniform(0, 1, n // (60 * RATE_HZ)) ** 2, 60 * RATE_HZ)
    return size * smooth * ebb[:, None]


def write(folder: Path, days: float, names: list[str]) -> None:
    """One file per format; beside those of a day or less `day.npz`, the samples,
    and `steps.txt`, how many steps a day has. Part of a day is of its afternoon."""
    acc, gyro, steps_n = day()
    n = round(days * len(acc))
    if days < 1:
        acc, gyro = acc[12 * HOUR_S * RATE_HZ :][:n], gyro[12 * HOUR_S * RATE_HZ :][:n]
    if days <= 1:
        np.savez(folder / "day.npz", acc_g=acc, gyro_dps=gyro)
        (folder / "steps.txt").write_text(str(steps_n))
    for name in names:
        path = folder / FILES[name]
        if name.startswith("table-"):
            _write_table(path, acc, n)
        else:
            path.write_bytes(_BYTES[name](np.tile(acc, (-(-n // len(acc)), 1))[:n]))
        if name == "gt3x-v1":
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr("log.txt", "")  # pygt3x does not read without


_BYTES = {
    "cwa-packed": lambda acc: cwa_bytes(START_US, RATE_HZ, acc, 21_731),
    "cwa-unpacked": lambda acc: cwa_bytes(START_US, RATE_HZ, acc, 21_731, packed=False),
    "gt3x-int16": lambda acc: gt3x_bytes(START_US, RATE_HZ, acc, "TAS1H30180000"),
    "gt3x-packed": lambda acc: gt3x_bytes(START_US, RATE_HZ, acc, "MOS2D30180000", kind="packed", scale=341.0, range_g=6.0),
    "gt3x-v1": lambda acc: gt3x_bytes(START_US, RATE_HZ, acc, "NEO1D30180000", kind="stream", scale=341.0, range_g=6.0),
    "geneactiv": lambda acc: geneactiv_bytes(START_US, RATE_HZ, acc, "012345"),
    "axivity-csv": lambda acc: axivity_csv_bytes(START_US, RATE_HZ, acc, stamps=True),
    "actigraph-csv": lambda acc: raw_csv_bytes(START_US, RATE_HZ, acc, "TAS1H30180000"),
}  # fmt: skip


def _write_table(path: Path, acc: np.ndarray, n: int) -> None:
    """Microseconds since 1970 and three columns in g, an hour of rows at a time."""
    columns = ["time_us", "acc_x", "acc_y", "acc_z"]
    frames = []
    for first in range(0, n, HOUR_S * RATE_HZ):
        row = np.arange(first, min(first + HOUR_S * RATE_HZ, n))
        values = (START_US + row * (1_000_000 // RATE_HZ), *acc[row % len(acc)].T)
        frames.append(pl.DataFrame(dict(zip(columns, values, strict=True))))
    if path.suffix == ".parquet":
        pl.concat(frames).write_parquet(path, row_group_size=HOUR_S * RATE_HZ)
        return
    with path.open("wb") as out:
        for number, frame in enumerate(frames):
            frame.write_csv(out, include_header=number == 0, float_precision=4)


if __name__ == "__main__":
    place, days_n, *chosen = sys.argv[1:]
    write(Path(place), float(days_n), chosen or list(FILES))
