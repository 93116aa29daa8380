"""Activity files of sports watches (Garmin FIT): one walking bout per session, in study units.

A file that is cut or whose checksum is wrong is refused whole, because a FIT message has no
checksum of its own and a wrong byte reads like a right one. Chained files are read to the end;
stray bytes behind them are a finding.
Watches count strides of one leg: a walk and a run of a fenix 5 have 61.2 and 83.7 a minute, beside
speeds and step lengths that need 135 and 171 steps a minute. On foot, cadence and cycles are
therefore doubled; in other sports they count pedal turns or strokes and are left out.
Source: Garmin FIT profile 21 (fields, units; `total_strides`, `avg_running_cadence` in strides).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.fit_frames import SIGNATURE, Frames, walk
from pipelines.devices.fit_messages import UNIX_OF_FIT_EPOCH, Columns, messages, name_of
from pipelines.devices.format import Format, read_bytes
from pipelines.errors import DeliveryRefused

MAX_BYTES = 32 << 20  # a 30-hour ultramarathon has 4 MB; checking more would take longer than 5 s
ON_FOOT = frozenset(("walking", "running", "hiking"))
STEPS_PER_STRIDE = 2
_ACTIVITY = 4  # file_id.type
_GARMIN = 1
_CREATOR = 0  # device_index of the device that wrote the file
_FIRST_CLOCK_S = 0x10000000  # FIT: smaller times are seconds since power-up, not a date
_PAUSE_S = 30  # records further apart have a pause between them
BOUT_SCHEMA = {
    "row_no": pl.Int64,
    "start_utc": pl.Datetime("us"),
    "end_utc": pl.Datetime("us"),
    "duration_s": pl.Float64,
    "distance_m": pl.Float64,
    "speed_mean_mps": pl.Float64,
    "hr_mean_bpm": pl.Float64,
    "hr_max_bpm": pl.Float64,
    "cadence_mean_spm": pl.Float64,
    "steps_n": pl.Int64,
    "sport": pl.String,
}


def recognise(head: bytes) -> bool:
    """Whether the first bytes carry the FIT signature."""
    return head[8:12] == SIGNATURE


def read(path: Path, *, date_order: str | None = None) -> DeviceFile:
    """The bouts of one activity file; `date_order` does not matter, FIT times are seconds in UTC.

    `row_no` is the number of the session message among the file's data messages (of the first
    record message where there is no session). A start that is only seconds since power-up is left
    empty, with finding `clock_not_set`.
    """
    data = read_bytes(path, MAX_BYTES)
    frames = walk(data, path.name)
    read_messages = messages(data[: frames.n_bytes], frames, path.name)
    maker, model, serial = _device(read_messages, path.name)
    bouts = _bouts(read_messages, frames, path.name)
    findings = [(bout["row_no"], "clock_not_set") for bout in bouts if bout["start_utc"] is None]
    if frames.n_bytes < len(data):
        findings.append((frames.n_messages, "trailing_bytes"))
    return DeviceFile(
        table="wear_bout",
        maker=maker,
        model=model,
        device_serial=serial,
        records=pl.DataFrame(bouts, schema=BOUT_SCHEMA),
        findings=tuple(findings),
    )


def _device(read_messages: dict[str, Columns], where: str) -> tuple[str, str | None, str | None]:
    """Maker, model and serial number of the watch; refused when the file is not an activity."""
    file_id, info = read_messages["file_id"], read_messages["device_info"]
    kind = _first(file_id["type"])
    if not np.isnan(kind) and kind != _ACTIVITY:
        raise DeliveryRefused(
            "not_an_activity",
            f"this is a FIT file of kind {name_of('file', kind)}",
            where=where,
            remedy="export the activities, not the watch's other files",
        )
    creator = info["device_index"] == _CREATOR
    own = {
        name: _first(np.concatenate((file_id[name], info[name][creator])))
        for name in ("manufacturer", "product", "serial_number")
    }
    # product numbers are each maker's own; only Garmin's have names in the profile
    products = "garmin_product" if own["manufacturer"] == _GARMIN else None
    product = own["product"]
    model = name_of(products, product) if products else _whole_text(product)
    return (
        name_of("manufacturer", own["manufacturer"]) or "unknown",
        model,
        _whole_text(own["serial_number"]),
    )


def _bouts(read_messages: dict[str, Columns], frames: Frames, where: str) -> list[dict]:
    """One bout per session, or one over all records where the file has no session."""
    session, record = read_messages["session"], read_messages["record"]
    n_sessions = len(session["start_time"])
    if n_sessions != len(frames.session_nos):
        raise DeliveryRefused(
            "bad_structure",
            f"{len(frames.session_nos)} sessions are in the file and {n_sessions} can be read",
            where=where,
            remedy="export the activity again",
        )
    if n_sessions:
        return [
            _of_session(
                {name: float(column[i]) for name, column in session.items()}, record, row_no
            )
            for i, row_no in enumerate(frames.session_nos)
        ]
    if frames.first_record_no is None or not len(record["timestamp"]):
        raise DeliveryRefused(
            "no_activity",
            "the file has neither a session nor a record",
            where=where,
            remedy="check that the watch recorded, and export the activity again",
        )
    return [_of_records(record, _first(read_messages["sport"]["sport"]), frames.first_record_no)]


def _of_session(session: dict[str, float], record: Columns, row_no: int) -> dict:
    """The bout of one session; what it leaves out comes from the records between its ends."""
    start_s = session["start_time"]
    # `timestamp` is when the message was written, seconds after the end in the samples
    end_s = _coalesce(start_s + session["total_elapsed_time"], session["timestamp"])
    inside = (record["timestamp"] >= start_s) & (record["timestamp"] <= end_s)
    of_records = _summary({name: column[inside] for name, column in record.items()})
    duration_s = _coalesce(session["total_timer_time"], session["total_elapsed_time"])
    distance_m = _coalesce(session["total_distance"], of_records["distance_m"])
    strides_per_min = session["avg_cadence"] + np.nan_to_num(session["avg_fractional_cadence"])
    strides = session["total_cycles"] + np.nan_to_num(session["total_fractional_cycles"])
    return _bout(
        row_no=row_no,
        start_s=start_s,
        end_s=end_s,
        duration_s=duration_s,
        distance_m=distance_m,
        speed_mean_mps=_coalesce(
            session["enhanced_avg_speed"], session["avg_speed"], _ratio(distance_m, duration_s)
        ),
        hr_mean_bpm=_coalesce(_heart_rate(session["avg_heart_rate"]), of_records["hr_mean_bpm"]),
        hr_max_bpm=_coalesce(_heart_rate(session["max_heart_rate"]), of_records["hr_max_bpm"]),
        strides_per_min=_coalesce(strides_per_min, of_records["strides_per_min"]),
        strides=strides,
        sport=name_of("sport", session["sport"]),
    )


def _of_records(record: Columns, sport: float, row_no: int) -> dict:
    """The bout from first to last record. It includes pauses: only a session knows them."""
    start_s, end_s = _least(record["timestamp"]), -_least(-record["timestamp"])
    summary = _summary(record)
    return _bout(
        row_no=row_no,
        start_s=start_s,
        end_s=end_s,
        duration_s=end_s - start_s,
        distance_m=summary["distance_m"],
        speed_mean_mps=_ratio(summary["distance_m"], end_s - start_s),
        hr_mean_bpm=summary["hr_mean_bpm"],
        hr_max_bpm=summary["hr_max_bpm"],
        strides_per_min=summary["strides_per_min"],
        strides=np.nan,
        sport=name_of("sport", sport),
    )


def _bout(
    *,
    start_s: float,
    end_s: float,
    strides_per_min: float,
    strides: float,
    sport: str | None,
    **plain,
) -> dict:
    """One record of BOUT_SCHEMA; cadence and steps only where the sport is on foot."""
    on_foot = sport in ON_FOOT
    steps = strides * STEPS_PER_STRIDE if on_foot else np.nan
    cadence_spm = strides_per_min * STEPS_PER_STRIDE if on_foot else np.nan
    has_clock = start_s >= UNIX_OF_FIT_EPOCH + _FIRST_CLOCK_S  # False for NaN
    return {
        **{name: _or_none(value) for name, value in plain.items()},
        "start_utc": _utc(start_s) if has_clock else None,
        "end_utc": _utc(end_s) if has_clock and not np.isnan(end_s) else None,
        "cadence_mean_spm": _or_none(cadence_spm),
        "steps_n": None if np.isnan(steps) else round(steps),
        "sport": sport,
    }


def _summary(record: Columns) -> dict[str, float]:
    """Distance, heart rate and strides a minute of some records; NaN where none has the field."""
    heart_rate = _heart_rate(record["heart_rate"])
    strides = record["cadence"] + np.nan_to_num(record["fractional_cadence"])
    # standing still is left out, as it is from the average that the watch writes into a session
    strides = np.where(strides == 0, np.nan, strides)
    return {
        "distance_m": -_least(-record["distance"]) - _least(record["distance"]),
        "hr_mean_bpm": _mean(heart_rate, record["timestamp"]),
        "hr_max_bpm": -_least(-heart_rate),
        "strides_per_min": _mean(strides, record["timestamp"]),
    }


def _heart_rate(bpm):
    """`bpm` with 0 (a strap without contact) and 255 (FIT for no value) missing."""
    return np.where((bpm == 0) | (bpm == 255), np.nan, bpm)


def _mean(values: np.ndarray, at_s: np.ndarray) -> float:
    """Mean over time: watches store a record when something changes, up to 20 s apart."""
    there = ~(np.isnan(values) | np.isnan(at_s))
    values, gaps_s = values[there], np.diff(at_s[there])
    weights = np.where((gaps_s > 0) & (gaps_s <= _PAUSE_S), gaps_s, 0)
    if weights.any():
        return float(np.average((values[1:] + values[:-1]) / 2, weights=weights))
    return float(values.mean()) if len(values) else np.nan


def _least(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(there.min()) if len(there) else np.nan


def _first(values: np.ndarray) -> float:
    there = values[~np.isnan(values)]
    return float(there[0]) if len(there) else np.nan


def _coalesce(*values: float) -> float:
    return next((float(value) for value in values if not np.isnan(value)), np.nan)


def _ratio(distance_m: float, duration_s: float) -> float:
    return distance_m / duration_s if duration_s > 0 else np.nan


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _whole_text(number: float) -> str | None:
    return None if np.isnan(number) else str(int(number))


def _utc(unix_s: float) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=unix_s)


FORMAT = Format(
    name="fit", makers=("Garmin", "COROS", "Suunto", "Wahoo"), recognise=recognise, read=read
)
