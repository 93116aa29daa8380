"""Devices and logs that contradict each other: clocks off, gaps, swapped watches, sessions and walks told by one side.

Everything is planted into the first night's files and told in `truth/wear_events.csv`, the walks of the recordings in
`truth/walks.csv`. Nothing here looks at the arm.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl

from pipelines.synthetic import sensor_files, wear_files
from pipelines.synthetic.nights import Work
from pipelines.synthetic.sensor_files import MORNING, SensorFile
from pipelines.synthetic.walking import Bout
from pipelines.synthetic.wear import WATCH
from pipelines.synthetic.wear_files import WearFile

OFFSET_S, DRIFT_S_PER_DAY = 480.0, 4.0  # of a watch against the session log
SAMPLE_DRIFT_S_PER_DAY, READ_OUT_OFFSET_S = 20.0, 12.5  # of sensors
GAP_S = 90
_RECORDED_S = 14 * 3600  # enough for a recording to know what walking forward looks like in it
_GAP_FROM_S = 40_200  # ten past six in the evening, when nobody walks; a whole page of a GENEActiv
_SESSIONS, _UNLOGGED_S = 6, 900
_NEAR_S = 3_600  # before a session and after it, nothing else is walked
_LATE_S = 240  # a session's walk begins so long after its logged start
_CADENCE_SPM, _SPEED_MPS = 100.0, 0.9


def write(work: Work, used: set[str]) -> None:
    """Writes the files of the first night that tell of them; `used` participants have sent other files."""
    records = work.trials[0].records
    sessions = _on_the_wall(work, records["session"].filter("attended"))
    for number, wearer in enumerate(_second_wearers(work, sessions, used)):
        _recording(work, wearer, walked=number % 2 == 0)
    clinics = work.contract.clinics
    takers = [name for name, clinic in clinics.items() if wear_files.kind_of(clinic, "fit")]
    watches = _on_the_wall(work, records["wear_bout"]).filter(
        pl.col("device_maker") == WATCH[0],
        pl.col("clinic_id").is_in(takers),
        ~pl.col("participant_id").is_in(list(used)),
    )
    busy = _clock(work, watches, sessions)
    busy += _swap(work, watches.filter(~pl.col("participant_id").is_in(busy)))
    _unlogged(work, watches.filter(~pl.col("participant_id").is_in(busy)))


def _on_the_wall(work: Work, records: pl.DataFrame) -> pl.DataFrame:
    """The records with `start_local` and `local_date` at their clinic."""
    local = pl.col("start_utc").dt.replace_time_zone("UTC").dt.convert_time_zone
    return pl.concat(
        rows.with_columns(
            start_local=local(work.contract.clinics[clinic].time_zone).dt.replace_time_zone(None)
        )
        for (clinic,), rows in records.group_by("clinic_id", maintain_order=True)
    ).with_columns(local_date=pl.col("start_local").dt.date())


def _second_wearers(work: Work, sessions: pl.DataFrame, used: set[str]) -> list[dict]:
    """Of each clinic a wearer that has not sent anything yet, with the first session of the days of the loan."""
    lent = sensor_files.wearers(work.trials[0])
    first = lent.unique("clinic_id", keep="first", maintain_order=True)["participant_id"].to_list()
    at = sessions.select("participant_id", "session_no", "start_local", "actual_min")
    due = lent.filter(~pl.col("participant_id").is_in([*first, *used])).join(
        at, on="participant_id"
    )
    day = pl.col("start_local").dt.date()
    due = due.filter(day > pl.col("from_date"), day <= pl.col("from_date") + pl.duration(days=8))
    due = due.sort("participant_id", "session_no")
    return due.unique("clinic_id", keep="first", maintain_order=True).rows(named=True)


def _recording(work: Work, wearer: dict, walked: bool) -> None:
    """A day with a gap, around a session that was walked, or was not."""
    date = wearer["start_local"].date()
    begins_s = (wearer["start_local"] - dt.datetime.combine(date, MORNING)).total_seconds()
    own = Bout(
        start_s=begins_s + _LATE_S, steps_n=round(0.8 * wearer["actual_min"] * _CADENCE_SPM),
        cadence_spm=_CADENCE_SPM, speed_mps=_SPEED_MPS,
    )  # fmt: skip

    def around(walks: list[Bout]) -> list[Bout]:
        far = [walk for walk in walks if abs(walk.start_s - begins_s) > _NEAR_S]
        return sorted([*far, own] if walked else far, key=lambda walk: walk.start_s)

    made = sensor_files.recorded(work.contract, work.trials[0], wearer, date, _RECORDED_S, around)
    made = replace(
        made,
        gaps_s=((_GAP_FROM_S, _GAP_FROM_S + GAP_S),),
        drift_s_per_day=SAMPLE_DRIFT_S_PER_DAY if made.device == "cwa" else 0.0,
        clock_offset_s=READ_OUT_OFFSET_S if made.device == "geneactiv" else None,
    )
    folder, sent = work.folder(0, made.clinic_id), work.nights[0].sent_date
    path, walks = sensor_files.write(work.contract, made, folder, sent)
    work.truth.walks.append(walks)
    said = {
        "gap": GAP_S, "session_walked" if walked else "session_not_walked": wearer["session_no"],
        "sample_drift": made.drift_s_per_day or None, "read_out_offset": made.clock_offset_s,
    }  # fmt: skip
    for event, value in said.items():
        if value is not None:
            _note(work, made, path, event, date, value)


def _clock(work: Work, watches: pl.DataFrame, sessions: pl.DataFrame) -> list[str]:
    """The first sessions of one watch whose clock is off and drifts; whose it is."""
    logged = sessions.select("participant_id", "local_date", logged_utc="start_utc")
    beside = watches.join(logged, on=["participant_id", "local_date"])
    many = pl.len().over("participant_id", "device_serial") >= _SESSIONS
    first = beside.filter(many).sort("participant_id", "start_utc").head(1)
    own = beside.join(first, on=["participant_id", "device_serial"], how="semi")
    own = own.sort("start_utc").head(_SESSIONS)
    days = (pl.col("local_date") - pl.col("local_date").min()).dt.total_days()
    off_s = OFFSET_S + DRIFT_S_PER_DAY * days
    own = own.with_columns(
        off_s=off_s, start_utc=pl.col("logged_utc") + pl.duration(seconds=off_s)
    )  # fmt: skip
    for number, bout in enumerate(own.iter_rows(named=True)):
        one, path = _watch(work, bout, bout["device_serial"], number)
        _note(work, one, path, "clock_offset", bout["local_date"], bout["off_s"])
        if number == 0:
            _note(work, one, path, "clock_drift", bout["local_date"], DRIFT_S_PER_DAY)
    return own["participant_id"].unique().to_list()


def _swap(work: Work, watches: pl.DataFrame) -> list[str]:
    """Two participants of one clinic who wore each other's watch on one day; who they are."""
    each = watches.unique(["participant_id", "local_date"], keep="first", maintain_order=True)
    together = each.filter(pl.len().over("clinic_id", "local_date") >= 2)
    pair = together.sort("local_date", "clinic_id", "participant_id").head(2)
    serials = pair["device_serial"].reverse()
    for bout, serial in zip(pair.iter_rows(named=True), serials, strict=True):
        one, path = _watch(work, bout, serial)
        _note(work, one, path, "swap", bout["local_date"], 1)
        work.truth.fault(
            1, one.clinic_id, path, "wear_bout", [1], "device_assigned", "wear_bout.device_assigned"
        )
    return pair["participant_id"].to_list()


def _unlogged(work: Work, watches: pl.DataFrame) -> None:
    """A walk on a Sunday, when nobody trains."""
    sunday = pl.duration(days=7 - pl.col("local_date").dt.weekday())
    walk = watches.sort("participant_id", "start_utc").head(1).with_columns(
        pl.col("start_utc") + sunday, pl.col("local_date") + sunday,
        duration_s=pl.lit(_UNLOGGED_S, pl.Float64),
    )  # fmt: skip
    for bout in walk.iter_rows(named=True):
        one, path = _watch(work, bout, bout["device_serial"])
        _note(work, one, path, "walk_not_logged", bout["local_date"], _UNLOGGED_S / 60)


def _watch(work: Work, bout: dict, serial: str, number: int = 0) -> tuple[WearFile, Path]:
    """A watch's file with this one bout, as the participant's file of that number."""
    rows = pl.DataFrame([bout])
    one = WearFile(bout["clinic_id"], "fit", bout["participant_id"], rows, serial)
    folder, sent = work.folder(0, one.clinic_id), work.nights[0].sent_date
    return one, wear_files.write(work.contract, one, folder, sent, number)[0]


def _note(
    work: Work, one: SensorFile | WearFile, path: Path, event: str, date: dt.date, value: float
) -> None:
    work.truth.events.append({
        "clinic_id": one.clinic_id, "file_name": path.name, "participant_id": one.participant_id,
        "device_serial": one.serial, "event": event, "local_date": date, "value": float(value),
    })  # fmt: skip
