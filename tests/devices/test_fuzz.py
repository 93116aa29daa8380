"""Mutated files over every format there is: read to the end or refused, soon, and in little memory.

Run as a program (seed, first, last, folder) this is the child that reads; pytest starts it, so that
a crash of compiled code or a hang is a failure with a file beside it, and not the end of the run.
"""

import faulthandler
import json
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

from pipelines import devices
from pipelines.contracts.shapes import DeviceFile, SignalFile
from pipelines.errors import DeliveryRefused
from tests.devices.mutations import mutated
from tests.devices.seeds import SEEDS

ROOT = Path(__file__).parents[2]
MOST_S, MOST_MB, HUNG_S = 5.0, 256, 60
# --- the child


def use_up(format_: devices.Format, path: Path) -> None:
    """Reads as a night does, to the last sample, and holds what comes to its shape."""
    found = format_.read(path, date_order="DMY")
    if isinstance(found, SignalFile):
        n_shown = 0
        for chunk in found.chunks():
            assert chunk.acc_g.ndim == 2 and chunk.acc_g.shape[1] == 3
            assert chunk.acc_g.nbytes <= 64 << 20
            assert len(chunk.times_us()) == len(chunk.acc_g) if len(chunk.acc_g) else True
            n_shown += len(chunk.findings)
        assert found.rate_hz > 0 and n_shown < 10_000_000
        return
    for one in found if isinstance(found, tuple) else (found,):
        assert isinstance(one, DeviceFile)
        assert one.records["row_no"].null_count() == 0
        assert one.records.rows() is not None  # a date that no calendar has shows here
        assert all(type(row_no) is int for row_no, _ in one.findings)


def memory_mb(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s*(\d+)", status)[1]) / 1024


def child(seed: int, first: int, last: int, folder: Path) -> None:
    formats = {each.name: each for each in devices.formats()}
    seeds = {name: SEEDS[name]() for name in sorted(formats)}
    for name, files in seeds.items():  # a seed must be read; compiled code is warm then
        for data in files:
            (folder / "now").write_bytes(data)
            assert formats[name].recognise(data[:4096]), name
            use_up(formats[name], folder / "now")
    names = sorted(seeds)
    for number in range(first, last):
        rng = np.random.default_rng([seed, number])
        name = names[number % len(names)]
        data = seeds[name][rng.integers(len(seeds[name]))]
        others = seeds[names[rng.integers(len(names))]]
        data = mutated(data, others[0], rng)
        (folder / "now").write_bytes(data)
        Path("/proc/self/clear_refs").write_text("5")
        before_mb, began = memory_mb("VmRSS"), time.perf_counter()
        said = {"number": number, "format": name, "outcome": "read"}
        tell(said | {"outcome": "began"})
        faulthandler.dump_traceback_later(HUNG_S, exit=True)
        try:
            devices.recognise(folder / "now")
            use_up(formats[name], folder / "now")
        except DeliveryRefused as refused:
            said["outcome"] = refused.reason
        except BaseException as error:  # an engine's panic is no Exception
            said |= {"outcome": "crash", "error": repr(error)[:300]}
            said["at"] = traceback.format_exc().strip().splitlines()[-3:]
        faulthandler.cancel_dump_traceback_later()
        said["seconds"] = time.perf_counter() - began
        said["mb"] = memory_mb("VmHWM") - before_mb
        if said["outcome"] == "crash" or said["seconds"] > MOST_S or said["mb"] > MOST_MB:
            keep(folder, said)
        tell(said)


def tell(said: dict) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def keep(folder: Path, said: dict) -> None:
    """Puts the file aside, so that it can be read again."""
    (folder / said["format"]).mkdir(exist_ok=True)
    shutil.copy(folder / "now", folder / said["format"] / str(said["number"]))


# --- the tests


def run(seed: int, n_files: int, folder: Path, n_per_child: int = 2000) -> list[dict]:
    """Every file's outcome; what a child was at when it died is a crash."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peak memory of a single file can be told on Linux only")
    done = []
    first = 0
    while first < n_files:
        last = min(first + n_per_child, n_files)
        command = [sys.executable, __file__, str(seed), str(first), str(last), str(folder)]
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        said = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
        assert said, ended.stderr[-2000:]
        done += [line for line in said if line["outcome"] != "began"]
        if ended.returncode:
            keep(folder, said[-1])
            done.append({**said[-1], "outcome": "died", "error": ended.stderr[-600:]})
        first = said[-1]["number"] + 1
    return done


def check(done: list[dict], n_files: int, folder: Path) -> None:
    bad = [
        {**one, "file": str(folder / one["format"] / str(one["number"]))}
        for one in done
        if one["outcome"] in ("crash", "died") or one["seconds"] > MOST_S or one["mb"] > MOST_MB
    ]
    lines = []
    for name in sorted({one["format"] for one in done}):
        own = [one for one in done if one["format"] == name and "seconds" in one]
        n_read = sum(one["outcome"] == "read" for one in own)
        lines.append(
            f"{name}: {len(own)} files, {n_read} read, {len(own) - n_read} not; "
            f"at most {max(one['seconds'] for one in own):.2f} s, "
            f"{max(one['mb'] for one in own):.0f} MB; {sum(one['seconds'] for one in own):.1f} s"
        )
    sys.stdout.write("\n".join(["", *lines, ""]))
    assert [json.dumps(one) for one in bad[:20]] == []
    assert len(done) == n_files
    assert {one["format"] for one in done} == {each.name for each in devices.formats()}
    outcomes = {one["outcome"] for one in done}
    assert "read" in outcomes and len(outcomes) > 5


def test_every_format_has_seeds_here():
    assert {each.name for each in devices.formats()} <= set(SEEDS)


def test_a_few_hundred_mutated_files(tmp_path):
    check(run(2026, 300, tmp_path), 300, tmp_path)


@pytest.mark.slow
def test_twenty_thousand_mutated_files(tmp_path):
    check(run(int(time.time()), 20_000, tmp_path), 20_000, tmp_path)


if __name__ == "__main__":
    child(*map(int, sys.argv[1:4]), Path(sys.argv[4]))
