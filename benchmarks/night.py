"""One delivery of session rows, read to built, beside what a user would use instead; then a small night on long histories.

    python benchmarks/night.py [--rows 1000000] [--dlt-python .venv-bench/bin/python]

Every contender runs in a process of its own on the same file, one after the other; ratios are to Backstep.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CUTOFF = "2031-01-01T00:00:00+00:00"

BARE_DUCKDB = """
import duckdb, sys
con = duckdb.connect(sys.argv[2])
con.execute("SET enable_progress_bar = false")
con.execute("CREATE TABLE session AS SELECT * FROM read_csv(?, all_varchar = true)", [sys.argv[1]])
con.close()
"""
PANDAS_GX = """
import json, logging, sys, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
import duckdb, pandas as pd, great_expectations as gx
frame = pd.read_csv(sys.argv[1])
frame["Scheduled"] = pd.to_datetime(frame["Scheduled"], format="%m/%d/%Y")
for column, factor in (("Speed (mph)", 0.44704), ("Actual Dist (ft)", 0.3048), ("Planned Dist (ft)", 0.3048)):
    frame[column] = frame[column] * factor
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False, "metric_calculations": False}
suite = gx.ExpectationSuite(name="session")
from great_expectations import expectations as e
names = {"actual_min": "Actual Min", "planned_min": "Planned Min", "hr_rest_bpm": "HR Rest", "hr_mean_bpm": "HR Mean",
    "hr_peak_bpm": "HR Peak", "sys_pre_mmhg": "Sys Pre", "dia_pre_mmhg": "Dia Pre", "sys_post_mmhg": "Sys Post",
    "dia_post_mmhg": "Dia Post", "spo2_pct": "SpO2", "rpe": "RPE", "nprs_pre": "Pain Pre", "nprs_post": "Pain Post",
    "nprs_24h": "Pain 24h", "nprs_during_max": "Pain During", "treadmill_speed_mps": "Speed (mph)", "bouts_n": "Bouts",
    "rest_min": "Rest Min", "actual_dist_m": "Actual Dist (ft)", "session_no": "Session #"}
for item in json.load(open(sys.argv[3]))["expectations"]:
    column = names.get(item["kwargs"].get("column", ""))
    if item["type"] == "expect_column_values_to_be_between" and column:
        suite.add_expectation(e.ExpectColumnValuesToBeBetween(column=column, min_value=item["kwargs"]["min_value"], max_value=item["kwargs"]["max_value"]))
for column in ("Subject ID", "Session #", "Scheduled", "Attended"):
    suite.add_expectation(e.ExpectColumnValuesToNotBeNull(column=column))
suite.add_expectation(e.ExpectCompoundColumnsToBeUnique(column_list=["Subject ID", "Session #"]))
asset = context.data_sources.add_pandas("p").add_dataframe_asset("s").add_batch_definition_whole_dataframe("all")
result = asset.get_batch({"dataframe": frame}).validate(suite, result_format="SUMMARY")
assert result.statistics["evaluated_expectations"] > 20
con = duckdb.connect(sys.argv[2]); con.execute("SET enable_progress_bar = false"); con.register("frame", frame)
con.execute("CREATE TABLE session AS SELECT * FROM frame"); con.close()
"""
DLT = """
import sys, dlt, pyarrow, pyarrow.csv
from dlt.destinations import duckdb as to_duckdb
def rows():
    head = pyarrow.csv.open_csv(sys.argv[1]).schema.names
    as_text = pyarrow.csv.ConvertOptions(column_types={name: pyarrow.string() for name in head})
    for batch in pyarrow.csv.open_csv(sys.argv[1], convert_options=as_text):
        yield pyarrow.Table.from_batches([batch])
pipeline = dlt.pipeline("bench", destination=to_duckdb(sys.argv[2]), dataset_name="bench", pipelines_dir=sys.argv[2] + ".d")
pipeline.run(rows(), table_name="session", write_disposition="replace")
"""
NIGHT = """
import sys
from pipelines import stages
home, cutoff = sys.argv[1:3]
due = stages.receive_clinic(home, "alder", cutoff)
for delivery in due:
    stages.standardise_delivery(home, delivery, cutoff)
counts = stages.check_night(home, due, cutoff)
assert all(c["status"] == "accepted" and not c["n_quarantined"] for c in counts["deliveries"].values()), "not all accepted"
"""
BUILD = "import sys; from pipelines import stages; stages.build_warehouse(*sys.argv[1:3])"
OURS = NIGHT + "stages.build_warehouse(home, cutoff)"


def timed(code: str, *args: str, python: str = sys.executable) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [python, "-c", code, *args], cwd=ROOT, env={**os.environ, "BACKSTEP_SETTLE_SECONDS": "0"}
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"a contender failed with status {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5, help="small nights per history")
    parser.add_argument("--dlt-python", help="a Python with dlt[duckdb] installed")
    chosen = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(prefix="backstep-bench-") as place:
        contenders(Path(place), chosen)
        histories(Path(place), chosen)


def contenders(place: Path, chosen: argparse.Namespace) -> None:
    from benchmarks.session_file import write_participants, write_sessions

    home = place / "home"
    landing = home / "landing" / "alder"
    landing.mkdir(parents=True)
    write_participants(landing / "participants_20251103.csv")
    file = landing / "sessions_20251103.csv"
    write_sessions(file, chosen.rows)
    print(f"{chosen.rows:,} session rows, {file.stat().st_size / 1e6:.0f} MB\n")
    print(f"{'':44}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}{'wall ratio':>12}")
    ours = timed(OURS, str(home), CUTOFF)
    line("Backstep: received, read, checked, built", ours, ours)
    line("  the build alone, again", timed(BUILD, str(home), CUTOFF), ours)
    line(
        "(a) DuckDB read_csv into a table, as text",
        timed(BARE_DUCKDB, str(file), str(place / "a.duckdb")),
        ours,
    )
    suite = str(ROOT / "schemas" / "expectations" / "session.json")
    line(
        "(b) pandas, GX pandas engine, into DuckDB",
        timed(PANDAS_GX, str(file), str(place / "b.duckdb"), suite),
        ours,
    )
    if chosen.dlt_python:
        line(
            "(c) dlt into DuckDB, as text, no checks",
            timed(DLT, str(file), str(place / "c.duckdb"), python=chosen.dlt_python),
            ours,
        )
    else:
        print("(c) dlt: not run; give --dlt-python (make bench does)")


def histories(place: Path, chosen: argparse.Namespace) -> None:
    """Nights of 1,000 new rows on a short and a long history, taken in turn."""
    from benchmarks.session_file import write_participants, write_sessions

    homes = {}
    for rows in (10_000, chosen.rows):
        home = place / f"history{rows}"
        landing = home / "landing" / "alder"
        landing.mkdir(parents=True)
        write_participants(landing / "participants_20251103.csv")
        write_sessions(landing / "sessions_20251103.csv", rows)
        timed(NIGHT, str(home), CUTOFF)
        timed(BUILD, str(home), CUTOFF)
        homes[rows] = home
    nights = {rows: [] for rows in homes}
    builds = {rows: [] for rows in homes}
    for night in range(chosen.repeats):
        for rows, home in homes.items():
            write_sessions(
                home / "landing" / "alder" / f"sessions_202511{10 + night}.csv",
                1000,
                1500 + 2 * night,
                seed=night,
            )
            nights[rows].append(timed(NIGHT, str(home), CUTOFF))
            builds[rows].append(timed(BUILD, str(home), CUTOFF))
    print(f"\nA night of 1,000 new rows, median of {chosen.repeats}:")
    print(f"{'history':>12}{'night wall s':>14}{'night cpu s':>13}{'build wall s':>14}")
    middle = {
        rows: [median(x[i] for x in nights[rows]) for i in (0, 1)]
        + [median(x[0] for x in builds[rows])]
        for rows in homes
    }
    for rows, (wall, cpu, build) in middle.items():
        print(f"{rows:>12,}{wall:>14.2f}{cpu:>13.2f}{build:>14.2f}")
    short, long = middle.values()
    print(
        f"night, long over short history: {long[0] / short[0]:.2f} wall, {long[1] / short[1]:.2f} cpu; build {long[2] / short[2]:.1f}"
    )


def median(values) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def line(name: str, found: tuple[float, float, float], ours: tuple[float, float, float]) -> None:
    print(f"{name:44}{found[0]:>8.2f}{found[1]:>8.2f}{found[2]:>9.0f}{found[0] / ours[0]:>12.2f}")


if __name__ == "__main__":
    main()
