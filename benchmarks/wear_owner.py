"""How often a day worn by its owner, and one worn by somebody else, is said to walk unlike the owner.

    python benchmarks/wear_owner.py [--seeds 20]

Made-up trials of 30 people with 6 days of 6 walks each, their samples simulated and taken through the gait chain; then
two days of every pair of neighbours exchanged. The score is the warehouse's own (sql/core/core_wear_owner.sql).
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from pipelines.contracts.load import load_contract  # noqa: E402
from pipelines.signals import gait  # noqa: E402
from pipelines.synthetic.walking import Wearer, simulate  # noqa: E402
from pipelines.synthetic.worn_day import RATE_HZ, own_gait, script  # noqa: E402
from pipelines.warehouse import core, wear  # noqa: E402

PEOPLE, DAYS, SWAPPED = 30, 6, (2, 3)
_SCRIPT_S, _EVERY_S, _AROUND_S = 5_600, 700, 6.0
_START = dt.datetime(2025, 4, 1, 9)


def trial(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bouts of every body and day, and the height of every body."""
    rows, heights = [], []
    for body in range(PEOPLE):
        rng = np.random.default_rng([seed, body])
        own, height_cm = own_gait(rng), float(rng.normal(168, 9))
        heights.append((f"P{body:03}", height_cm))
        for day in range(DAYS):
            wearer = Wearer(height_m=height_cm / 100, tilt_deg=tuple(rng.normal(0, 4, 3)))
            walks = [
                walk for walk in script(_SCRIPT_S, own, rng, every_s=_EVERY_S) if not walk.backward
            ]
            rows += [(body, day, number, *found) for number, walk in enumerate(walks) for found in _told(walk, wearer, rng)]  # fmt: skip
    names = [
        "body",
        "day",
        "number",
        "duration_s",
        "cadence_mean_spm",
        "rise_half",
        "rise_three_half",
    ]
    bouts = pl.DataFrame(rows, schema=names, orient="row")
    return bouts, pl.DataFrame(heights, schema=["participant_id", "height_cm"], orient="row")


def _told(walk, wearer: Wearer, rng: np.random.Generator) -> list[tuple]:
    took_s = 2 * _AROUND_S + walk.steps_n * 60 / walk.cadence_spm * 1.2
    placed = type(walk)(_AROUND_S, walk.steps_n, walk.cadence_spm, walk.speed_mps)
    felt = simulate([placed], took_s, RATE_HZ, rng, wearer=wearer)
    found = gait.analyse(felt.acc_g.astype(np.float32), RATE_HZ, "lower_back").bouts
    length_s = (pl.col("end_s") - pl.col("start_s")).alias("duration_s")
    return found.select(length_s, "cadence_mean_spm", "rise_half", "rise_three_half").rows()


def judged(bouts: pl.DataFrame, heights: pl.DataFrame, *, swapped: bool) -> pl.DataFrame:
    """State of every day by its owner, and whether somebody else wore the device."""
    other = pl.col("body") + pl.when(pl.col("body") % 2 == 0).then(1).otherwise(-1)
    by_other = pl.col("day").is_in(SWAPPED) & swapped
    owner = pl.when(by_other).then(other).otherwise("body")
    rows = bouts.with_row_index("row_no").select(
        "duration_s", "cadence_mean_spm", "rise_half", "rise_three_half",
        participant_id=pl.format("P{}", owner.cast(pl.String).str.zfill(3)), clinic_id=pl.lit("alder"),
        device_serial=owner.cast(pl.String), study_day=pl.col("day").cast(pl.Int32), bout_source_code=pl.lit("signal"),
        placement_code=pl.lit("lower_back"), delivery_id=pl.lit("w"), row_no=pl.col("row_no").cast(pl.Int64),
        start_utc=pl.lit(_START) + pl.duration(days="day", minutes=12 * pl.col("number")),
    )  # fmt: skip
    with duckdb.connect() as con:
        core.create_macros(con)
        wear.create_refs(con, load_contract(ROOT / "schemas"))
        for table, frame in (("participant", heights), ("wear_bout", rows)):
            ddl = (ROOT / "sql" / "ddl" / f"core_{table}.sql").read_text(encoding="utf-8")
            con.execute(ddl.replace(" NOT NULL", ""))
            con.register("frame", frame.to_arrow())
            con.execute(f"INSERT INTO core_{table} BY NAME SELECT * FROM frame")
            con.unregister("frame")
        wear.finish_speed(con)
        query = (ROOT / "sql" / "core" / "core_wear_owner.sql").read_text(encoding="utf-8")
        told = con.execute(f"SELECT study_day, owner_state FROM ({query})").pl()
    return told.with_columns(by_other=pl.col("study_day").is_in(SWAPPED) & swapped)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--seeds", type=int, default=20)
    chosen = parser.parse_args()
    print(f"{'seed':>5}{'clean: days':>13}{'unlike':>8}   {'swapped: by another':>20}{'unlike':>8}{'by owner':>10}{'unlike':>8}")  # fmt: skip
    sums = np.zeros(6, int)
    for seed in range(1, chosen.seeds + 1):
        bouts, heights = trial(seed)
        clean, after = (judged(bouts, heights, swapped=swap) for swap in (False, True))
        by_other, by_owner = after.filter("by_other"), after.filter(~pl.col("by_other"))
        counts = [n for told in (clean, by_other, by_owner) for n in (told.height, told.filter(owner_state="unlike_owner").height)]  # fmt: skip
        sums += counts
        print(f"{seed:5}{counts[0]:13}{counts[1]:8}   {counts[2]:20}{counts[3]:8}{counts[4]:10}{counts[5]:8}")  # fmt: skip
    print(f"{'all':>5}{sums[0]:13}{sums[1]:8}   {sums[2]:20}{sums[3]:8}{sums[4]:10}{sums[5]:8}")


if __name__ == "__main__":
    main()
