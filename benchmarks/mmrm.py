"""The mixed model beside SAS PROC MIXED, row by row, and what it costs.

    python benchmarks/mmrm.py [--samples ../shared/samples/mmrm]

SAS prints four decimals and whole degrees of freedom, so a printed number stands for all that round
to it: the relative difference is ours to the nearest of those. The last line is the worst of them;
over 1e-4 the program fails. The printed digits as they stand are in the column beside it.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipelines.analysis.mmrm import Fit, fit_mmrm  # noqa: E402
from pipelines.analysis.mmrm_contrasts import arm_differences, coefficients  # noqa: E402

LIMIT = 1e-4
SECONDS = {(200, 4): 1.0, (2000, 10): 20.0}
SAS_NAME = {"Intercept": "(intercept)", "ARMCD": "ARMCD[TRT]", "SEX": "SEX[Female]"}
NUMBER = r"-?\d+\.?\d*"


def sas_rows(path: Path) -> dict[str, dict[str, Decimal]]:
    """What PROC MIXED printed: by our label, by our column, digits kept."""
    text = path.read_text(encoding="utf-8")
    found = {}
    solution = text.split("Solution for Fixed Effects")[1].split("Type 3 Tests")[0]
    for line in solution.splitlines():
        numbers = re.findall(rf"(?<=\s){NUMBER}(?=\s|$)", line)
        if len(numbers) >= 7:
            p = re.search(r"<\.0001|\s(0\.\d{4})\s+0\.05", line)
            cells = dict(zip(("estimate", "se", "df", "t"), map(Decimal, numbers), strict=False))
            cells |= {"ci_low": Decimal(numbers[-2]), "ci_high": Decimal(numbers[-1])}
            if p and p.group(1):
                cells["p"] = Decimal(p.group(1))
            found[SAS_NAME[line.split()[0]]] = cells
    for name, estimate in re.findall(rf"(UN\(\d,\d\))\s+USUBJID\s+({NUMBER})", text):
        found[name] = {"estimate": Decimal(estimate)}
    value = re.search(r"Iteration History.*?Convergence", text, re.S).group()
    found["-2 log L"] = {"estimate": Decimal(re.findall(r"\d+\.\d{8}", value)[-2])}
    return found


def our_rows(fit: Fit) -> dict[str, dict[str, float]]:
    found = {row["label"]: row for row in coefficients(fit).iter_rows(named=True)}
    found |= {name: {"estimate": value} for name, value in fit.theta.items()}
    found["-2 log L"] = {"estimate": fit.minus2_log_likelihood}
    return found


def differences(ours: float, printed: Decimal) -> tuple[float, float]:
    """Relative difference to the nearest number that is printed so, and to the printed one."""
    half = 0.5 * 10.0 ** printed.as_tuple().exponent
    apart = abs(ours - float(printed))
    return max(0.0, apart - half) / abs(float(printed)), apart / abs(float(printed))


def compare(samples: Path) -> float:
    rows = pl.read_csv(samples / "fev_data.csv")
    model = {
        "response": "FEV1", "terms": ["ARMCD", "SEX"], "subject": "USUBJID", "visit": "AVISIT",
        "levels": {"ARMCD": ("PBO", "TRT"), "SEX": ("Male", "Female")}, "structures": ["un"],
    }  # fmt: skip
    top = our_rows(fit_mmrm(rows, **model))
    stopped = our_rows(fit_mmrm(rows, **model, stop="sas"))
    print(f"{'':14}{'':10}{'SAS':>14}{'ours':>16}{'rel. diff':>11}{'to digits':>11}"
          f"{'stopped as SAS':>18}{'rel. diff':>11}")  # fmt: skip
    worst = worst_stopped = 0.0
    for label, cells in sas_rows(samples / "sas_coef_ci_reml_un.txt").items():
        for column, printed in cells.items():
            value, other = top[label][column], stopped[label][column]
            beyond, apart = differences(value, printed)
            beyond_stopped, _ = differences(other, printed)
            if not label.startswith("UN"):
                worst = max(worst, beyond)
            worst_stopped = max(worst_stopped, beyond_stopped)
            print(f"{label:14}{column:10}{printed!s:>14}{value:>16.6f}{beyond:>11.1e}{apart:>11.1e}"
                  f"{other:>18.6f}{beyond_stopped:>11.1e}")  # fmt: skip
    print(
        "\nours: where the likelihood is greatest. SAS stops when its criterion is below 1e-8; the"
    )
    print(
        "columns on the right stop there too. Covariance parameters are shown, and judged only in"
    )
    print(f"those columns: worst relative difference, stopped as SAS: {worst_stopped:.1e}\n")
    return max(worst, worst_stopped)


def simulated(n: int, visits: int) -> pl.DataFrame:
    """Two arms, a baseline, five clinics, a tenth of the values missing."""
    rng = np.random.default_rng(20310101)
    apart = np.abs(np.subtract.outer(np.arange(visits), np.arange(visits)))
    spread = np.linspace(8, 12, visits)
    noise = rng.multivariate_normal(np.zeros(visits), np.outer(spread, spread) * 0.6**apart, size=n)
    baseline, arm, clinic = rng.normal(50, 10, n), np.arange(n) % 2, np.arange(n) // 2 % 5
    y = 10 + 0.6 * baseline[:, None] + 0.5 * arm[:, None] * np.arange(visits) + noise
    y[rng.random(y.shape) < 0.1] = np.nan
    who = np.repeat(np.arange(n), visits)
    return pl.DataFrame({
        "participant_id": who, "visit": np.tile(np.arange(visits), n),
        "arm": np.array(["FW", "BW"])[arm[who]], "baseline": baseline[who],
        "clinic": np.array(["alder", "birch", "cedar", "dogwood", "elm"])[clinic[who]],
        "value": y.ravel(),
    })  # fmt: skip


def clock(n: int, visits: int) -> bool:
    rows = simulated(n, visits)
    begun = time.perf_counter()
    fit = fit_mmrm(
        rows, response="value", terms=["arm*visit", "baseline*visit", "clinic"],
        subject="participant_id", visit="visit", levels={"arm": ("FW", "BW")}, structures=["un"],
    )  # fmt: skip
    fitted = time.perf_counter()
    arm_differences(fit, arm="arm", arms=("FW", "BW"), df="kenward-roger")
    asked = time.perf_counter()
    limit = SECONDS[n, visits]
    print(f"{n} participants x {visits} visits, {len(fit.theta)} covariance parameters, "
          f"{len(fit.coefficients)} coefficients: fit {fitted - begun:.2f} s in {fit.n_steps} "
          f"steps, Kenward-Roger arm differences {asked - fitted:.2f} s (limit {limit:.0f} s)")  # fmt: skip
    return asked - begun <= limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, default=ROOT.parent / "shared/samples/mmrm")
    samples = parser.parse_args().samples
    if not samples.is_dir():
        print(f"no SAS output at {samples}; name its folder with --samples", file=sys.stderr)
        return 2
    worst = compare(samples)
    in_time = [clock(*size) for size in SECONDS]
    print(f"worst relative difference: {worst:.2e}")
    return 0 if worst <= LIMIT and all(in_time) else 1


if __name__ == "__main__":
    sys.exit(main())
