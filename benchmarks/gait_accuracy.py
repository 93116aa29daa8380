"""Steps, cadence and speed beside a laboratory's, bout by bout, and mobgap's; then how often a direction is told right.

    python benchmarks/gait_accuracy.py [--samples ../shared/samples/mobgap] [--mobgap-python PYTHON]

The reference is INDIP's (pressure insoles and foot sensors) of one healthy person of Mobilise-D's example data. Both
chains are given the reference's bouts. Contacts are those within the bout. mobgap runs in a Python of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy import io

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
TRIALS = (("Test5", "Trial1"), ("Test5", "Trial2"), ("Test11", "Trial1"))
RATE_HZ, HEIGHT_M, DEVICE_M, G_MPS2 = 100.0, 1.59, 0.964, 9.80665
DETECTORS = ("IcdIonescu", "IcdShinImproved", "IcdHKLeeImproved")  # of mobgap
BACKWARD_SHARES = (0.0, 0.025, 0.1, 0.3, 0.5, 0.9, 0.95, 0.975)


def trials(samples: Path):
    """(name, acceleration in g, turning rate, reference bouts) of each trial."""
    said = io.loadmat(samples / "lab_HA_001_data.mat", squeeze_me=True, struct_as_record=False)
    for test, trial in TRIALS:
        file = samples / f"HA_001_TimeMeasure1_{test}_{trial}.csv"
        table = np.loadtxt(file, delimiter=",", skiprows=1)
        reference = getattr(getattr(said["data"].TimeMeasure1, test), trial).Standards.INDIP
        bouts = [
            {
                "start_s": float(b.Start), "end_s": float(b.End),
                "contacts": len(np.atleast_1d(b.InitialContact_Event)),
                "cadence": float(b.Cadence), "speed": float(b.WalkingSpeed),
                "without_halts": _without_halts(np.sort(np.atleast_1d(b.InitialContact_Event))),
            }
            for b in np.atleast_1d(reference.MicroWB)
        ]  # fmt: skip
        yield f"{test} {trial}", table[:, 1:4], table[:, 4:7], bouts


def _without_halts(contacts_s: np.ndarray) -> float:
    """Cadence of a reference's contacts over the strides that ours counts: those of steps like the others of the bout."""
    from pipelines.signals import stride

    step_s = np.diff(contacts_s.astype(float))
    step_s = step_s[step_s > 0.05]  # one contact stands twice in the reference
    alike = stride.alike(step_s)
    return float((120 / (step_s[1:] + step_s[:-1])[alike[1:] & alike[:-1]]).mean())


def ours(samples: Path) -> list[tuple[int, float, float | None]]:
    from pipelines.signals import gait, stride

    rows = []
    for _, acc_g, _, bouts in trials(samples):
        known_s = np.array([[b["start_s"], b["end_s"]] for b in bouts])
        found = gait.analyse(acc_g, RATE_HZ, "lower_back", known_s=known_s).bouts
        for row in found.iter_rows(named=True):
            speed = row["rise_half"] and stride.speed_mps(
                row["rise_half"], row["rise_three_half"], HEIGHT_M
            )
            rows.append((row["steps_n"] + 1, row["cadence_mean_spm"], speed))
    return rows


def of_mobgap(samples: Path, detector: str) -> list[tuple[int, float, float]]:
    """The same with mobgap; only where it is installed."""
    import pandas as pd
    from mobgap import initial_contacts
    from mobgap.cadence import CadFromIcDetector
    from mobgap.stride_length import SlZijlstra

    make, rows = getattr(initial_contacts, detector), []
    for _, acc_g, gyro_dps, bouts in trials(samples):
        for b in bouts:
            at = slice(int(b["start_s"] * RATE_HZ), int(b["end_s"] * RATE_HZ) + 1)
            data = np.column_stack((acc_g[at] * G_MPS2, gyro_dps[at]))
            names = [f"{kind}_{axis}" for kind in ("acc", "gyr") for axis in ("is", "ml", "pa")]
            data = pd.DataFrame(data, columns=names)
            found = make().detect(data, sampling_rate_hz=RATE_HZ).ic_list_
            said = {"initial_contacts": found, "sampling_rate_hz": RATE_HZ}
            cadence = CadFromIcDetector(make()).calculate(data, **said).cadence_per_sec_
            length = SlZijlstra().calculate(data, sensor_height_m=DEVICE_M, **said)
            spm = cadence["cadence_spm"].to_numpy()
            speed = spm * length.stride_length_per_sec_["stride_length_m"].to_numpy() / 120
            rows.append((len(found), float(np.nanmean(spm)), float(np.nanmean(speed))))
    return rows


def elsewhere(python: str, samples: Path, detector: str) -> list[tuple[int, float, float]]:
    call = [python, "-W", "ignore", __file__, "--samples", str(samples), "--detector", detector]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def accuracy(samples: Path, mobgap_python: str | None) -> None:
    reference = [(name, bout) for name, _, _, bouts in trials(samples) for bout in bouts]
    told = {"ours": ours(samples)}
    for detector in DETECTORS if mobgap_python else ():
        told[f"mobgap {detector}"] = elsewhere(mobgap_python, samples, detector)
    print("| bout | reference |", " | ".join(told), "|\n|---|---|" + "---|" * len(told))
    for i, (name, bout) in enumerate(reference):
        cells = [(bout["contacts"], bout["cadence"], bout["speed"]), *(r[i] for r in told.values())]
        start = f"{name}, {bout['start_s']:.1f} s"
        shown = " | ".join(
            f"{n} / {spm:.1f} / {'-' if speed is None else format(speed, '.2f')}"
            for n, spm, speed in cells
        )
        print(f"| {start} | {shown} |")
    true = np.array([(b["contacts"], b["cadence"], b["speed"]) for _, b in reference])
    for name, rows in told.items():
        apart = np.array(rows, dtype=float) - true
        total = 100 * apart[:, 0].sum() / true[:, 0].sum()
        print(f"{name}: contacts {total:+.1f} % in all, mean absolute error of cadence "
              f"{np.abs(apart[:, 1]).mean():.2f} steps/min, of speed {np.nanmean(np.abs(apart[:, 2])):.3f} m/s "
              f"(bias {np.nanmean(apart[:, 2]):+.3f})")  # fmt: skip
    even = np.array([row[1] - b["without_halts"] for row, (_, b) in zip(told["ours"], reference, strict=True)])  # fmt: skip
    print(
        f"ours against INDIP's contacts without halts: {np.abs(even).mean():.2f} steps/min ({np.round(even, 1)})"
    )


def directions(samples: Path) -> None:
    from pipelines.signals import direction

    forward, reversed_ = [], []
    for _, acc_g, _, bouts in trials(samples):
        known_s = np.array([[b["start_s"], b["end_s"]] for b in bouts])
        forward.append(_coupled(acc_g, known_s))
        reversed_.append(_coupled(acc_g[::-1], (len(acc_g) / RATE_HZ - known_s)[::-1, ::-1]))
    print("\n| source | truth | forward | backward | abstain |\n|---|---|---|---|---|")
    ahead = direction.ahead_of(
        forward[0]
    )  # the first trial says where forward is, the others are told
    for name, parts in (("forward", forward), ("backward", reversed_)):
        told = [d for part in parts[1:] for d in direction.decide(part, ahead)["direction"]]
        _confusion(f"{'recorded' if name == 'forward' else 'recorded, reversed in time'}, lower back,"
                   " forward known from a first walk", name, told)  # fmt: skip
    for placement in ("lower_back", "shank", "foot"):
        for share in BACKWARD_SHARES:
            true, told = _made_up(placement, share)
            for name in ("forward", "backward"):
                of = [t for t, b in zip(told, true, strict=True) if b == (name == "backward")]
                if of:
                    source = (
                        f"made up, {placement.replace('_', ' ')}, {share:.0%} of bouts backward"
                    )
                    _confusion(source, name, of)


def _coupled(acc_g: np.ndarray, known_s: np.ndarray):
    import polars as pl

    from pipelines.signals import gait

    found = gait.analyse(acc_g, RATE_HZ, "lower_back", known_s=known_s).bouts
    return found.with_columns(
        start_us=(pl.col("start_s") * 1e6).cast(pl.Int64), end_us=(pl.col("end_s") * 1e6).cast(pl.Int64)
    )  # fmt: skip


def _made_up(placement: str, share: float) -> tuple[list[bool], list[str]]:
    """Ten recordings of forty bouts each, a bout every half hour, each person's sensor mounted anyhow."""
    import polars as pl

    from pipelines.signals import direction, gait
    from pipelines.synthetic.walk_felt import any_mount, simulate

    true, told = [], []
    for person in range(10):
        walks = _many_walks(40, seed=person, backward=round(40 * share), speed_mps=0.9)
        parts = []
        for number, walk in enumerate(walks):
            felt = simulate(walk, 50.0, seed=1000 * person + number, placement=placement,
                            mount=any_mount(person))  # fmt: skip
            found = gait.analyse(felt.acc_g, 50.0, placement, felt.gyro_dps).bouts
            begun_us = number * 1_800_000_000
            parts.append(found.with_columns(
                start_us=(pl.col("start_s") * 1e6).cast(pl.Int64) + begun_us,
                end_us=(pl.col("end_s") * 1e6).cast(pl.Int64) + begun_us,
                backward=pl.lit(walk.backward),
            ))  # fmt: skip
        bouts = direction.decide(pl.concat(parts))
        true += bouts["backward"].to_list()
        told += bouts["direction"].to_list()
    return true, told


def _many_walks(n: int, *, seed: int, backward: int = 0, speed_mps: float = 1.1) -> list:
    """Walks of one person's day, of 8 to 300 steps, most of them short; `backward` of them walked backward."""
    from pipelines.synthetic.walk_felt import Walk

    rng = np.random.default_rng(seed)
    steps = np.clip(np.exp(rng.normal(3.4, 0.8, n)), 8, 300).astype(int)
    speeds = speed_mps * np.clip(rng.normal(1, 0.12, n), 0.7, 1.3)
    is_backward = np.isin(np.arange(n), rng.permutation(n)[:backward])
    speeds = np.where(is_backward, 0.6 * speeds, speeds)
    return [
        Walk(
            steps_n=int(steps_n),
            step_s=float(0.55 * (1.2 / speed) ** 0.4),
            speed_mps=float(speed),
            backward=bool(back),
            turn_every_steps=20 if turns else None,
        )
        for steps_n, speed, back, turns in zip(
            steps, speeds, is_backward, rng.random(n) < 0.3, strict=True
        )
    ]


def _confusion(source: str, truth: str, told: list[str]) -> None:
    counts = " | ".join(str(told.count(name)) for name in ("forward", "backward", "abstain"))
    print(f"| {source} | {truth} | {counts} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, default=ROOT.parent / "shared/samples/mobgap")
    parser.add_argument("--mobgap-python", help="a Python in which mobgap is installed")
    parser.add_argument("--detector", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if not said.samples.is_dir():
        print(
            f"no laboratory data at {said.samples}; name the folder with --samples", file=sys.stderr
        )
        return 2
    if said.detector:
        print(json.dumps(of_mobgap(said.samples, said.detector)))
        return 0
    accuracy(said.samples, said.mobgap_python)
    directions(said.samples)
    return 0


if __name__ == "__main__":
    sys.exit(main())
