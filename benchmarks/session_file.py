"""A session file of any length in alder's dialect, with enrolled participants; every row passes every rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from pipelines import identity

PEOPLE = 989


def write_participants(path: Path) -> None:
    ids = [identity.make_id("01", number) for number in range(1, PEOPLE + 1)]
    pl.DataFrame({
        "Subject ID": ids, "Consented": "02/20/2025", "Randomized": "03/03/2025",
        "Arm": ["Backward" if n % 2 else "Forward" for n in range(PEOPLE)], "Condition": "Knee OA KL1-2",
        "Sex": "Female", "Birth Year": 1960, "Height": "5'6\"", "Weight (lb)": 160, "Index Knee": "Left",
        "KL Grade": 1, "Beta Blocker": "No", "Withdrawn": "", "Withdrawal Reason": "",
    }).write_csv(path)  # fmt: skip


def write_sessions(path: Path, rows: int, first_session: int = 1, seed: int = 7) -> None:
    """`rows` sessions, `PEOPLE` participants in turn, numbered from `first_session`."""
    rng = np.random.default_rng(seed)
    ids = np.array([identity.make_id("01", number) for number in range(1, PEOPLE + 1)])
    place = np.arange(rows)
    session = place // PEOPLE + first_session
    day = np.datetime64("2025-03-03") + (session * 2 % 3500).astype("timedelta64[D]")
    backward = (place % PEOPLE) % 2 == 1
    minutes = rng.integers(20, 31, rows)
    feet = np.round(minutes * 60 * rng.uniform(0.4, 0.9, rows) / 0.3048)
    rest, mean = rng.integers(58, 75, rows), rng.integers(90, 110, rows)
    pre = rng.integers(0, 6, rows)
    pl.DataFrame({
        "Subject ID": ids[place % PEOPLE], "Session #": session, "Scheduled": pl.Series(day).dt.strftime("%m/%d/%Y"),
        "Start": "9:05 AM", "End": "9:50 AM", "Attended": "Yes", "Reason Missed": "", "Supervised": "Yes", "Therapist": "T1",
        "Assessor": "A2", "Mode": "Treadmill", "Direction": np.where(backward, "Backward", "Forward"),
        "Surface": "Treadmill belt", "Support": "Rail", "Planned Min": 30, "Actual Min": minutes, "Planned Dist (ft)": 3000,
        "Actual Dist (ft)": feet.astype(int), "Bouts": 2, "Rest Min": 4, "Speed (mph)": np.round(rng.uniform(1.0, 2.2, rows), 1),
        "Grade %": 0, "HR Rest": rest, "HR Mean": mean, "HR Peak": mean + 15, "Sys Pre": rng.integers(110, 140, rows),
        "Dia Pre": rng.integers(65, 85, rows), "Sys Post": rng.integers(115, 150, rows), "Dia Post": rng.integers(65, 90, rows),
        "SpO2": rng.integers(95, 100, rows), "RPE": rng.integers(9, 14, rows), "RPE Scale": "Borg", "Pain Pre": pre,
        "Pain During": pre + 1, "Pain Post": pre, "Pain 24h": pre, "Knee Swelling": "No", "Shoes OK": "Yes", "Area Clear": "Yes",
        "Rail": "Yes", "Gradual": "Yes", "Level Planned": 3, "Level Done": 3, "Progression": "Hold", "Stopped Early": "No",
        "Stop Reason": "", "Lost Balance": 0, "Near Falls": 0, "Falls": 0, "AE": "No", "Device": "", "Protocol": "2.0",
        "Entered": pl.Series(day).dt.strftime("%m/%d/%Y") + " 10:30 AM", "Entered By": "nurse 4", "Changed Because": "", "Note": "",
    }).write_csv(path)  # fmt: skip
