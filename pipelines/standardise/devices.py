"""One wearable or gait lab file -> the staged frames of its tables."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from pipelines import clock, devices, identity
from pipelines.contracts.layouts import layout_of
from pipelines.contracts.model import Clinic, Contract, FileKind
from pipelines.contracts.shapes import Delivery, DeviceFile, SignalFile
from pipelines.contracts.tables import local_dates, staged_schema
from pipelines.devices import imu_table, utc_slots
from pipelines.errors import DeliveryRefused
from pipelines.standardise import knee_lab, recordings
from pipelines.standardise.staging import Staged, write_part


def standardise_device(
    contract: Contract, delivery: Delivery, kind: FileKind, staging: Path
) -> Staged:
    """Writes the staged parts of one wearable file; says how many records it had of each table.

    Raw samples become a recording, its days and its walking bouts; their epochs go beside the staging area.
    """
    clinic = contract.clinics[delivery.clinic_id]
    if kind.lab:
        read = knee_lab.read_lab(delivery, kind)
    elif kind.imu:
        read = _declared(clinic, delivery, kind)
    else:
        read = _recognised(clinic, delivery, kind)
    if isinstance(read, SignalFile):
        placement = read.placement or kind.placement
        found = recordings.records_of(
            contract, delivery, read, placement, staging.parent / "signals"
        )
    else:
        found = read if isinstance(read, tuple) else (read,)
    staged = Staged()
    for part, records in enumerate(found, start=1):
        frame = _stage(contract, delivery, records)
        write_part(frame, staging, records.table, delivery.delivery_id, part)
        staged.n_records[records.table] += frame.height
    if not sum(staged.n_records.values()):
        raise DeliveryRefused(
            "no_records",
            "the file has no activity and no day of the kinds that are asked for",
            where=delivery.file_name,
            remedy="send the export that holds the activities or days",
        )
    return staged


def _recognised(
    clinic: Clinic, delivery: Delivery, kind: FileKind
) -> DeviceFile | tuple[DeviceFile, ...] | SignalFile:
    found = devices.recognise(delivery.raw_path)
    if found is None or found.name not in kind.devices:
        raise DeliveryRefused(
            "unknown_format",
            f"the content is not {' or '.join(kind.devices)}",
            where=delivery.file_name,
            remedy="export the recording again from the device's own software",
        )
    order = "".join(part[0] for part in re.findall("[YMD]+", clinic.dates))
    return found.read(delivery.raw_path, date_order=order)


def _declared(clinic: Clinic, delivery: Delivery, kind: FileKind) -> SignalFile:
    name = re.fullmatch(kind.name, delivery.file_name)
    return imu_table.read_declared(
        delivery.raw_path,
        kind.imu,
        layout=layout_of(clinic, kind),
        decimal=clinic.decimal,
        start_text=name.groupdict().get("start") if name else None,
        placement=kind.placement,
    )


def _serial(read: DeviceFile, delivery: Delivery) -> str:
    """The device's own serial; an account that names none is known by its maker and participant."""
    return read.device_serial or f"{read.maker}-{delivery.participant_id}"


def _stage(contract: Contract, delivery: Delivery, read: DeviceFile) -> pl.DataFrame:
    clinic = contract.clinics[delivery.clinic_id]
    declared = contract.tables[read.table]
    schema = staged_schema(contract, read.table)
    records = read.records
    if "slot_utc" in records.columns:
        records = utc_slots.local_days(records, clinic.time_zone)
    records = records.with_columns(
        participant_id=pl.lit(delivery.participant_id, pl.String),
        device_serial=pl.lit(_serial(read, delivery), pl.String),
        device_maker=pl.lit(read.maker, pl.String),
        device_model=pl.lit(read.model, pl.String),
    )
    if read.table == "wear_bout" and "bout_source_code" not in records.columns:
        records = records.with_columns(bout_source_code=pl.lit("device"))
    faults = [identity.id_fault(pl.col("participant_id"), clinic.prefix) + ":participant_id"]
    for local in [name for name in records.columns if name.endswith("_local")]:
        target = local.removesuffix("_local") + "_utc"
        if target in declared.fields:
            resolved = clock.local_to_utc(
                pl.col(local).str.to_datetime(time_unit="us"), clinic.time_zone
            )
            records = records.with_columns(
                resolved.struct.field("utc").alias(target),
                resolved.struct.field("fault").alias(f"_fault_{target}"),
            )
            faults.append(pl.col(f"_fault_{target}") + f":{target}")
    noted = pl.DataFrame(
        {
            "row_no": [row for row, _ in read.findings],
            "noted": [f"{rule}:" for _, rule in read.findings],
        },
        schema={"row_no": pl.Int64, "noted": pl.String},
    )
    # A finding at a line inside a record belongs to the last record that starts at or before it; one above them
    # all belongs to the first.
    first = records["row_no"].min()
    noted = (
        noted.with_columns(pl.col("row_no").clip(lower_bound=first))
        .sort("row_no")
        .join_asof(
            records.select(record_no=pl.col("row_no").cast(pl.Int64)).sort("record_no"),
            left_on="row_no",
            right_on="record_no",
        )
    )
    per_record = noted.group_by("record_no").agg(pl.col("noted").unique(maintain_order=True))
    records = records.join(per_record, left_on="row_no", right_on="record_no", how="left")
    for instant, day in local_dates(contract, read.table).items():
        if instant in records.columns:
            records = records.with_columns(
                clock.local_date(pl.col(instant), clinic.time_zone).alias(day)
            )
    return records.with_columns(
        delivery_id=pl.lit(delivery.delivery_id),
        clinic_id=pl.lit(delivery.clinic_id),
        row_key=pl.concat_str(
            [pl.col(name).cast(pl.String) for name in declared.key], separator="|"
        ),
        row_hash=records.hash_rows(),
        sent=pl.lit(None, pl.String),
        faults=pl.concat_list(*faults, pl.col("noted").fill_null([])).list.drop_nulls(),
    ).select(
        (
            pl.col(name)
            if name in ("delivery_id", "clinic_id", "row_key", "row_hash", "sent", "faults")
            or name in records.columns
            else pl.lit(None).alias(name)
        ).cast(kind)
        for name, kind in schema.items()
    )
