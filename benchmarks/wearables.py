"""A recorded day of raw samples in every format, decoded and taken to outcomes, beside the public readers and pipelines.

    python benchmarks/wearables.py [--peers-python .venv-bench/bin/python] [--repeats 3] [--days 7]

Every contender runs in a process of its own on the same file, one after the other, with one thread. It first reads ten
minutes of the same kind, so that what is compiled or loaded once is not counted: that and the imports are `start s`.
CPU seconds are those of the process and of all that it starts; the peak is that of the largest of them, imports and all.
Leaves with 1 where a bound is missed: decoded at least twice as fast as the fastest public reader of the format;
outcomes in at most 3 CPU seconds per recorded day, and 5 times as fast as mobgap and skdh; at most 600 MB for a
recording of 7 days; and those in at most 1.15 times 7 days' worth of one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from benchmarks.wearable_peers import (  # noqa: E402
    DECODE,
    FILES,
    GAIT,
    OURS_DECODE,
    OURS_OUTCOMES,
    Contender,
)

SAMPLES_PER_DAY = 8_640_000
DECODE_RATIO, OUTCOME_S, OUTCOME_RATIO, PEAK_MB, LINEAR = 2.0, 3.0, 5.0, 600.0, 1.15
_ABSENT = 42  # what a process leaves with that could not import its reader
_HARNESS = """
import json, resource, sys
def cpu_s():
    both = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in both)
try:
{imports}
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(42)
def work(path):
{work}
    return n
work(sys.argv[1])
start = cpu_s()
n = work(sys.argv[2])
print("\\n" + json.dumps({{"start_s": start, "cpu_s": cpu_s() - start, "n": int(n)}}))
"""


class Run(NamedTuple):
    """What one contender took: `n` is how many samples (or steps) it gave."""

    cpu_s: float
    start_s: float
    peak_mb: float
    n: int


def run(contender: Contender, path: Path, python: str = sys.executable) -> Run | str:
    """One run in a process of its own, or why there is none."""
    code = _HARNESS.format(
        imports=textwrap.indent(contender.imports.strip(), "    "),
        work=textwrap.indent(contender.work.strip(), "    "),
    )
    short = path.parent.parent / "short" / path.name
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [python, "-W", "ignore", "-c", code, str(short), str(path)],
            cwd=ROOT, env={**os.environ, **single}, stdout=out, stderr=err,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = code_left = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        last = " ".join(err.read().decode(errors="replace").strip().splitlines()[-3:])
        if code_left:
            return (
                f"not installed: {last}"
                if code_left == _ABSENT
                else f"failed ({code_left}): {last}"
            )
        told = json.loads(out.read().splitlines()[-1])
    return Run(told["cpu_s"], told["start_s"], usage.ru_maxrss / 1024, told["n"])


def middle(runs: list[Run]) -> Run:
    """The run with the median of CPU seconds, with the highest of the peaks."""
    cpu_s = statistics.median_low(found.cpu_s for found in runs)
    chosen = next(found for found in runs if found.cpu_s == cpu_s)
    return chosen._replace(peak_mb=max(found.peak_mb for found in runs))


def in_turn(
    contenders: dict[str, tuple[Contender, str]], path: Path, repeats: int
) -> dict[str, Run | str]:
    """Each contender `repeats` times, one after the other in every round; one that fails is not asked again."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    failed: dict[str, str] = {}
    for _ in range(repeats):
        for name, (contender, python) in contenders.items():
            if name not in failed:
                found = run(contender, path, python)
                if isinstance(found, str):
                    failed[name] = found
                else:
                    runs[name].append(found)
    return {name: failed.get(name) or middle(found) for name, found in runs.items()}


def line(name: str, found: Run | str, ours: Run | None, unit: str) -> None:
    if isinstance(found, str):
        print(f"  {name:46}{found}")
        return
    ratio = f"{found.cpu_s / ours.cpu_s:8.1f}x" if ours else ""
    print(
        f"  {name:46}{found.cpu_s:8.2f}{found.start_s:8.1f}{found.peak_mb:9.0f}{found.n:12,} {unit:8}{ratio}"
    )


def taken(found: Run | str, what: str) -> Run:
    """Our own runs must not fail."""
    if isinstance(found, str):
        raise SystemExit(f"{what}: {found}")
    return found


def one_day(place: Path, chosen: argparse.Namespace, missed: list[str]) -> dict[str, Run]:
    """Every format decoded, beside its public readers, and taken to outcomes; the outcomes' runs by format."""
    outcomes = {}
    for name in chosen.formats:
        path = place / FILES[name]
        asked = {"ours, decode": (OURS_DECODE, sys.executable)}
        asked["ours, outcomes"] = (OURS_OUTCOMES, sys.executable)
        bound = {}
        for reader, contender in DECODE[name].items():
            python = chosen.peers_python if contender.is_peer else sys.executable
            if python is None:
                print(f"  {reader}: not run, give --peers-python (make bench does)")
                continue
            asked[reader] = (contender, python)
            bound[reader] = contender.is_peer
        found = in_turn(asked, path, chosen.repeats)
        print(f"{name}, {path.stat().st_size / 1e6:.0f} MB")
        ours = taken(found["ours, decode"], f"{name}, decode")
        outcomes[name] = taken(found["ours, outcomes"], f"{name}, outcomes")
        if ours.n != SAMPLES_PER_DAY:
            missed.append(f"{name}: {ours.n:,} samples of {SAMPLES_PER_DAY:,}")
        if outcomes[name].cpu_s > OUTCOME_S:
            missed.append(
                f"{name}: outcomes take {outcomes[name].cpu_s:.2f} CPU s, over {OUTCOME_S}"
            )
        for who, told in found.items():
            line(who, told, ours, "steps" if who == "ours, outcomes" else "samples")
            if bound.get(who) and isinstance(told, Run) and told.cpu_s < DECODE_RATIO * ours.cpu_s:
                missed.append(
                    f"{name}: decode is {told.cpu_s / ours.cpu_s:.1f} times as fast as {who}, "
                    f"not {DECODE_RATIO:g}"
                )
    return outcomes


def gait(place: Path, chosen: argparse.Namespace, ours: Run, missed: list[str]) -> None:
    """mobgap and skdh on the samples of the same day: their reading of a file is not counted."""
    print(
        "\nto steps and speed, the same day, its samples given as arrays; ratio to ours from the CWA"
    )
    line("ours, all outcomes, from packed.cwa", ours, ours, "steps")
    for name, contender in GAIT.items():
        if chosen.peers_python is None:
            print(f"  {name}: not run, give --peers-python (make bench does)")
            continue
        found = run(contender, place / "day.npz", chosen.peers_python)
        line(name, found, ours, "steps")
        if isinstance(found, Run) and found.cpu_s < OUTCOME_RATIO * ours.cpu_s:
            missed.append(
                f"outcomes are {found.cpu_s / ours.cpu_s:.1f} times as fast as {name}, not {OUTCOME_RATIO:g}"
            )


def longer(place: Path, chosen: argparse.Namespace, day: dict[str, Run], missed: list[str]) -> None:
    """A recording of several days per format, to outcomes; its file is there only for as long as it is read."""
    print(
        f"\n{chosen.days} days to outcomes; linear is their CPU over {chosen.days} x that of a day"
    )
    print(f"  {'':24}{'cpu s':>8}{'per day':>9}{'peak MB':>9}{'linear':>8}")
    for name in chosen.formats:
        write(place, chosen.days, name)
        found = run(OURS_OUTCOMES, place / FILES[name])
        (place / FILES[name]).unlink()
        if isinstance(found, str):
            missed.append(f"{name}, {chosen.days} days: {found}")
            continue
        linear = found.cpu_s / (chosen.days * day[name].cpu_s)
        print(
            f"  {name:24}{found.cpu_s:8.2f}{found.cpu_s / chosen.days:9.2f}{found.peak_mb:9.0f}{linear:8.2f}"
        )
        if found.peak_mb > PEAK_MB:
            missed.append(
                f"{name}: {found.peak_mb:.0f} MB for {chosen.days} days, over {PEAK_MB:g}"
            )
        if linear > LINEAR:
            missed.append(f"{name}: {chosen.days} days cost {linear:.2f} times as much as days do")


def write(place: Path, days: float, *names: str) -> None:
    """In a process of its own: what this one holds would count as the peak of those it starts."""
    writer = str(ROOT / "benchmarks" / "recorded_day.py")
    subprocess.run([sys.executable, writer, str(place), str(days), *names], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers-python", help="a Python with the public readers installed")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each contender on a day")
    parser.add_argument("--days", type=int, default=7, help="of the longer recording; 0: none")
    parser.add_argument("--formats", nargs="+", choices=FILES, default=list(FILES))
    chosen = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="backstep-bench-") as folder:
        short, place = Path(folder) / "short", Path(folder) / "day"
        for at, days in ((short, 1 / 144), (place, 1)):
            at.mkdir()
            write(at, days, *chosen.formats)
        taken(run(OURS_OUTCOMES, place / FILES[chosen.formats[0]]), "the first run")  # compiles
        steps_n = int((place / "steps.txt").read_text())
        print(
            f"one recorded day: 100 Hz, 8,640,000 samples, 40 walks, 76 minutes, {steps_n:,} steps\n"
        )
        print(f"  {'':46}{'cpu s':>8}{'start s':>8}{'peak MB':>9}{'gave':>12}{'':9}{'to ours':>9}")
        day = one_day(place, chosen, missed)
        gait(place, chosen, day[chosen.formats[0]], missed)
        if chosen.days:
            longer(place, chosen, day, missed)
    for miss in missed:
        print(f"MISSED {miss}", file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
