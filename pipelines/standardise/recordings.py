"""One recording of raw samples -> its epochs on disk, and its days, bouts and quality as records."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines import clock, files
from pipelines.contracts.model import Clinic, Contract
from pipelines.contracts.shapes import Delivery, DeviceFile, SignalFile
from pipelines.errors import DeliveryRefused
from pipelines.signals import days, direction, gait
from pipelines.signals.recording import Recording, analyse
from pipelines.standardise.kept_samples import kept

_WHOLE_FILE = 1  # the record that findings of a recording belong to
_BOUT_FIELDS = (
    "steps_n", "cadence_mean_spm", "stride_time_mean_s", "stride_time_cv_pct", "step_regularity",
    "stride_regularity", "rise_half", "rise_three_half", "not_told",
)  # fmt: skip


def records_of(
    contract: Contract,
    delivery: Delivery,
    read: SignalFile,
    placement: str | None,
    signals: Path,
) -> tuple[DeviceFile, ...]:
    """The tables `recording`, `wear_day` and `wear_bout` of one recording; its epochs go to `signals`.

    A device without a zone keeps the offset that held at its start, also when the clocks change while it is worn.
    Raises DeliveryRefused where that start never was, or was twice, on the clinic's clock.
    """
    clinic = contract.clinics[delivery.clinic_id]
    with kept(read, signals) as twice:
        recording = analyse(twice, placement, candidates=gait.candidates, gait=gait.analyse)
    if recording.epochs.is_empty():
        raise DeliveryRefused(
            "no_samples",
            "the recording has not one readable sample",
            where=delivery.file_name,
            remedy="download the recording from the device again",
        )
    east_us = 0 if read.is_utc else _offset_us(recording, clinic, delivery)
    recording = _in_utc(recording, east_us)
    _write_epochs(recording, clinic, delivery, signals)
    tables = {
        "recording": _recording(recording, read),
        "wear_day": _days(recording, clinic, contract, read, placement),
        "wear_bout": _bouts(recording, placement),
    }
    noted = tuple((_WHOLE_FILE, rule) for rule in sorted(set(recording.findings["rule"])))
    return tuple(
        DeviceFile(
            table=table,
            maker=read.maker,
            model=read.model,
            device_serial=read.device_serial,
            records=records,
            findings=noted if table == "recording" else (),
        )
        for table, records in tables.items()
        if records.height
    )


def _offset_us(recording: Recording, clinic: Clinic, delivery: Delivery) -> int:
    """What the device's clock is ahead of UTC, as it was when the recording began."""
    start = recording.epochs.select(pl.col("time_us").min().cast(pl.Datetime("us")).alias("local"))
    resolved = start.select(clock.local_to_utc(pl.col("local"), clinic.time_zone).alias("r"))
    fault = resolved["r"].struct.field("fault")[0]
    if fault is not None:
        raise DeliveryRefused(
            fault,
            "the recording begins at a time that the clinic's clock left out or showed twice",
            where=delivery.file_name,
            remedy="say when the device was started, with the offset from UTC",
        )
    east = start["local"][0] - resolved["r"].struct.field("utc")[0]
    return round(east.total_seconds() * 1_000_000)


def _in_utc(recording: Recording, east_us: int) -> Recording:
    def moved(frame: pl.DataFrame) -> pl.DataFrame:
        times = [name for name in frame.columns if name.endswith("_us")]
        return frame.with_columns(pl.col(times) - east_us)

    return Recording(
        epochs=moved(recording.epochs),
        bouts=moved(recording.bouts),
        wear=moved(recording.wear),
        quality=recording.quality,
        findings=recording.findings,
    )


def _write_epochs(recording: Recording, clinic: Clinic, delivery: Delivery, signals: Path) -> None:
    """One Parquet per participant and local day, named after the delivery it came in."""
    dated = recording.epochs.with_columns(
        wear_date=days.local_date("time_us", clinic.time_zone),
        time_utc=pl.col("time_us").cast(pl.Datetime("us")),
    ).drop("time_us")
    for (date,), epochs in dated.group_by("wear_date", maintain_order=True):
        folder = signals / str(delivery.participant_id) / date.isoformat()
        files.write_parquet(epochs.drop("wear_date"), folder / f"{delivery.delivery_id}.parquet")


def _recording(recording: Recording, read: SignalFile) -> pl.DataFrame:
    quality = recording.quality.drop("gain", "offset_g", "slope_g_per_c").with_columns(
        pl.col("abstained").list.join("; ")
    )
    ends = recording.epochs.select(
        start_utc=pl.col("time_us").min().cast(pl.Datetime("us")),
        end_utc=pl.col("time_us").max().cast(pl.Datetime("us")) + pl.duration(seconds=5),
    )
    return pl.concat([quality, ends], how="horizontal").select(
        row_no=pl.lit(_WHOLE_FILE, pl.Int64),
        start_utc="start_utc",
        end_utc="end_utc",
        placement_code="placement",
        samples_n=pl.col("n_samples").cast(pl.Float64),
        rate_hz="rate_hz",
        measured_rate_hz="measured_rate_hz",
        range_g=pl.lit(read.range_g, pl.Float64),
        drift_s_per_day="drift_s_per_day",
        clock_offset_s="clock_offset_s",
        gaps_n="n_gaps",
        gap_s="gap_s",
        saturated_n="n_saturated",
        calibration_before_mg="calibration_before_mg",
        calibration_after_mg="calibration_after_mg",
        abstained="abstained",
    )


def _days(
    recording: Recording,
    clinic: Clinic,
    contract: Contract,
    read: SignalFile,
    placement: str | None,
) -> pl.DataFrame:
    told = days.activity_days(
        recording.epochs, read.rate_hz, placement, clinic.time_zone, contract.study.wear
    )
    return told.drop("is_valid", "is_weekend").select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row_no"),
        *[name for name in told.columns if name not in ("is_valid", "is_weekend", "abstained")],
        epoch_s=pl.lit(5.0),
        placement_code=pl.lit(placement, pl.String),
    )


def _bouts(recording: Recording, placement: str | None) -> pl.DataFrame:
    bouts = recording.bouts
    if bouts.is_empty():
        return bouts
    bouts = direction.decide(bouts).with_columns(
        not_told=pl.concat_str(
            "not_told",
            pl.lit("direction:") + pl.col("direction_reason"),
            separator="; ",
            ignore_nulls=True,
        ).replace("", None)
    )
    return bouts.sort("start_us").select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row_no"),
        start_utc=pl.col("start_us").cast(pl.Datetime("us")),
        end_utc=pl.col("end_us").cast(pl.Datetime("us")),
        bout_source_code=pl.lit("signal"),
        placement_code=pl.lit(placement, pl.String),
        p_backward="p_backward",
        detected_direction_code="direction",
        **{name: pl.col(name) for name in _BOUT_FIELDS},
    )
