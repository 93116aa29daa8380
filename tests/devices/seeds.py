"""Small files of every format, as the encoders of the made-up trial write them, for several tests."""

from __future__ import annotations

import datetime as dt
import functools
import importlib

import numpy as np

START = dt.datetime(2026, 3, 2, 8, 0)
START_US = int(START.replace(tzinfo=dt.UTC).timestamp()) * 1_000_000
RNG = np.random.default_rng(7)
COUNTS = RNG.integers(0, 900, (300, 3)) * (RNG.random((300, 1)) < 0.6)
WALK_G = 0.3 * np.sin(np.arange(1800)[:, None] / 4 + np.arange(3)) + np.array([0, 0, 1.0])
STEPS = [int(n) for n in RNG.integers(0, 120, 200)]


def made(module: str, function: str, *args, **kwargs) -> bytes:
    """What an encoder of the made-up trial writes."""
    encoder = getattr(importlib.import_module(f"pipelines.synthetic.{module}"), function)
    found = encoder(*args, **kwargs)
    return found.encode() if isinstance(found, str) else found


def fit() -> list[bytes]:
    rows = [(t, 1.2 * t, 1.2, 80 + t % 7, 50.5) for t in range(120)]
    one = made("fit_bytes", "activity_bytes", 3945849289, START, rows)
    return [one, one + one]


def fitbit() -> list[bytes]:
    text = importlib.import_module("pipelines.synthetic.fitbit_text")
    log = text.exercise_log(START, active_s=1200, distance_km=1.5, steps=2000, hr_mean_bpm=95)
    bout = {
        "start_utc": START,
        "end_utc": START + dt.timedelta(minutes=9),
        "tracker_total_steps": 9,
    }
    return [
        text.series_json(START, STEPS),
        text.exercises_json([log, {**log, "source": None}]),
        text.steps_csv(START, STEPS),
        text.exercises_csv([bout] * 5),
    ]


def withings() -> list[bytes]:
    at = START.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))
    data = {"steps": 2000, "distance": 1500, "hr_average": 95, "pause_duration": 5}
    return [
        made("withings_text", "minutes_csv", [(at, STEPS[:50]), (at, STEPS[:3])] * 5),
        made("withings_text", "totals_csv", [(START.date(), 6400 + i) for i in range(9)]),
        made("withings_text", "activities_csv", [(at, at, "Walking", data)] * 4),
    ]


def polar() -> list[bytes]:
    session = functools.partial(made, "polar_text", "session_csv", START, duration_s=900)
    return [session(hr_bpm=STEPS, distance_km=1.1, note='a,"b"\nc', strides_per_min=50), session()]


def tcx() -> list[bytes]:
    text = importlib.import_module("pipelines.synthetic.tcx_text")
    points = [
        text.Point(START + dt.timedelta(seconds=s), 46.6 + s / 1e5, 16.1, 1.2 * s, 90 + s % 9, 50)
        for s in range(60)
    ]
    lap = text.Lap(START, [points[:30], points[40:]], 50.0, 60.0, 94, 98, 50, 100)
    walk = text.activity_xml([lap, lap], sport="Other", device="fenix 5", unit_id=3945849289)
    ride = text.activity_xml([text.Lap(START, [points])], sport="Biking")
    return [text.tcx_bytes([walk, ride]), text.tcx_bytes([ride])]


def gpx() -> list[bytes]:
    text = importlib.import_module("pipelines.synthetic.gpx_text")
    points = [
        text.Point(46.6 + s / 1e5, 16.1, START + dt.timedelta(seconds=s), 90 + s % 9, 50)
        for s in range(60)
    ]
    walk = text.track_xml([points[:30], points[40:]], stats=(60.0, 50.0))
    return [text.gpx_bytes([walk, text.track_xml([points])]), text.gpx_bytes([walk], creator="x")]


def apple_health() -> list[bytes]:
    text = importlib.import_module("pipelines.synthetic.apple_health_text")
    at = START.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))
    minutes = [at + dt.timedelta(minutes=i) for i in range(41)]
    entries = [
        text.record_xml(kind, minutes[i], minutes[i + 1], 1 + STEPS[i] / 50, unit, device=device)
        for i in range(40)
        for kind, unit, device in (
            ("StepCount", "count", text.WATCH), ("StepCount", "count", text.PHONE),
            ("DistanceWalkingRunning", "km", text.WATCH), ("HeartRate", "count/min", text.WATCH),
            ("WalkingSpeed", "km/hr", text.PHONE), ("BodyMass", "kg", None),
        )
    ]  # fmt: skip
    stats = [{"type": "HKQuantityTypeIdentifierHeartRate", "average": "95", "unit": "count/min"}]
    walk = functools.partial(text.workout_xml, "Walking", minutes[2], minutes[9], duration_min=7.0)
    entries += [walk(distance=(0.5, "km")), walk(statistics=stats, device=None, by_hand=True)]
    xml = text.export_xml(entries, minutes[-1], document_type="broken")
    return [xml, text.export_zip(xml), text.export_zip(xml, name="Exportar.xml", n_routes=0)]


def samples(module: str, *args, function: str = "", **kwargs) -> list[bytes]:
    """A minute of raw samples at 30 Hz."""
    return [made(module, function or module, START_US, 30.0, WALK_G, *args, **kwargs)]


raw_csv = functools.partial(samples, "actigraph_raw_text", function="raw_csv_bytes")


# By format: small files that its reader accepts. A format without a line here fails a test.
SEEDS = {
    "fit": fit,
    "actigraph_counts": lambda: [
        made("actigraph_text", "counts_text", "MOS2D1", START, 60, COUNTS, COUNTS[:, 0], "MDY"),
        made(
            "actigraph_text", "counts_text", "MOS2D1", START, 10, COUNTS, None, "DMY",
            timestamps=True,
        ),
    ],
    "agd": lambda: [made("agd_bytes", "agd_bytes", START_US, 60, COUNTS, "MOS2D1", steps=COUNTS[:, 0])],
    "fitbit": fitbit,
    "polar_csv": polar,
    "withings_csv": withings,
    "samsung_csv": lambda: [
        made("samsung_text", "day_summary_csv", [(START.date(), n, "w") for n in STEPS[:1]] * 3),
        made("samsung_text", "day_summary_csv", [(START.date(), 5, f"d{i}") for i in range(4)]),
    ],
    "tcx": tcx,
    "gpx": gpx,
    "apple_health": apple_health,
    "geneactiv": lambda: samples("geneactiv_bytes", "012345"),
    "gt3x": lambda: [
        *samples("gt3x_bytes", "MOS2E1"),
        *samples("gt3x_bytes", "MOS2E1", kind="packed", asleep=((10, 20),)),
        *samples("gt3x_bytes", "NEO1", kind="stream"),
    ],
    "actigraph_raw_csv": lambda: [
        *raw_csv("MOS2E1"),
        *raw_csv("MOS2E1", timestamps=True, delimiter=";", date_order="DMY"),
    ],
    "xsens_dot": lambda: samples("xsens_dot_text", 60 * WALK_G, "D422CD000001", offset_h=8),
    "cwa": lambda: [
        *samples("cwa_bytes", 12345),
        *samples("cwa_bytes", 12345, packed=False, fraction=False),
        *samples("cwa_bytes", 12345, gyro_dps=60 * WALK_G),
    ],
    "axivity_csv": lambda: [
        *samples("axivity_text", function="axivity_csv_bytes"),
        *samples("axivity_text", function="axivity_csv_bytes", stamps=True, header=True),
    ],
}  # fmt: skip
