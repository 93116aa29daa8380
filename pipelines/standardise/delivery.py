"""One delivery, read and standardised, written as staged Parquet: one folder per table and delivery."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from pipelines.contracts.layouts import layouts_of
from pipelines.contracts.model import Clinic, Contract, FileKind
from pipelines.contracts.returned import ReturnedKind, kind_of
from pipelines.contracts.rule_list import LINE_TABLE
from pipelines.contracts.shapes import Delivery, RawTable
from pipelines.errors import DeliveryRefused
from pipelines.forms import read_table
from pipelines.standardise import contradictions
from pipelines.standardise.columns import Mapping, records_of, stage, unclaimed
from pipelines.standardise.returned import nothing_corrected, split, tables_present
from pipelines.standardise.staging import LINE_SCHEMA, Staged, clear, write_part

_BATCH_ROWS = 100_000  # two batches are in memory at a time


def standardise(contract: Contract, delivery: Delivery, staging: Path) -> Staged:
    """Writes the staged parts of one delivery under `staging/<table>/<delivery_id>/`; says what was read.

    Raises DeliveryRefused, leaving nothing, where the file as a whole cannot be used.
    """
    clinic = contract.clinics[delivery.clinic_id]
    kind = kind_of(clinic, delivery.file_kind)
    clear(staging, delivery.delivery_id)
    try:
        if kind.format == "device":
            # scipy.signal and numba take a second to load, which forms need not wait for
            from pipelines.standardise import devices

            return devices.standardise_device(contract, delivery, kind, staging)
        return _standardise_form(contract, clinic, kind, delivery, staging)
    except BaseException:
        clear(staging, delivery.delivery_id)
        raise


def _standardise_form(
    contract: Contract,
    clinic: Clinic,
    kind: FileKind,
    delivery: Delivery,
    staging: Path,
) -> Staged:
    staged = Staged()
    part = 0
    is_returned = isinstance(kind, ReturnedKind)
    present = tables_present(delivery.raw_path, kind) if is_returned else set(kind.tables)
    for layout, tables in layouts_of(clinic, kind):
        if not present.issuperset(tables):
            continue
        mappings = [
            Mapping(contract, clinic, table, kind.tables[table], len(tables) > 1)
            for table in tables
        ]
        evidence = [contradictions.Evidence() for _ in mappings]
        known = _known_columns(mappings)
        for batch in _ahead(
            read_table(delivery.raw_path, kind.format, layout, batch_rows=_BATCH_ROWS)
        ):
            part += 1
            if is_returned:
                batch, answers = split(batch, clinic, kind, tables[0])
                staged.answers += answers.to_dicts()
            staged.preamble |= batch.preamble
            staged.skipped.update(batch.skipped)
            unknown = [c for c in batch.rows.columns if c not in known and c != "row_no"]
            staged.unknown_columns += [c for c in unknown if c not in staged.unknown_columns]
            claimed = []
            for mapping, weight in zip(mappings, evidence, strict=True):
                cells = records_of(batch.rows, mapping)
                claimed.append(cells["row_no"])
                frame = stage(cells, mapping, delivery)
                contradictions.weigh(weight, cells, frame, mapping)
                if frame.height:
                    write_part(frame, staging, mapping.table, delivery.delivery_id, part)
                    staged.n_records[mapping.table] += frame.height
            strange, n_empty = unclaimed(batch.rows, pl.concat(claimed), mappings)
            staged.skipped["empty"] += n_empty
            lines = pl.concat([batch.broken, strange])
            _write_lines(lines, mappings[0], delivery, staging, part, staged)
        for mapping, weight in zip(mappings, evidence, strict=True):
            contradictions.judge(weight, mapping, delivery.file_name)
    if not sum(staged.n_records.values()):
        if is_returned:
            raise nothing_corrected(delivery.file_name)
        raise DeliveryRefused(
            "no_records",
            "the file has its header and not a single record",
            where=delivery.file_name,
            remedy="send the file again with its rows, or tell us that there were none",
        )
    return staged


def _ahead(batches: Iterator[RawTable]) -> Iterator[RawTable]:
    """The batches, the next one read while the last is standardised; what reading raises is raised here."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def _known_columns(mappings: list[Mapping]) -> set[str]:
    return {
        column
        for mapping in mappings
        for part in (
            mapping.columns.columns,
            mapping.columns.rows_where,
            mapping.columns.ignore,
        )
        for column in part
    } | {mapping.columns.complete for mapping in mappings if mapping.columns.complete}


def _write_lines(
    lines: pl.DataFrame,
    mapping: Mapping,
    delivery: Delivery,
    staging: Path,
    part: int,
    staged: Staged,
) -> None:
    if not lines.height:
        return
    lines = lines.select(
        delivery_id=pl.lit(delivery.delivery_id),
        clinic_id=pl.lit(delivery.clinic_id),
        row_no="row_no",
        table_name=pl.lit(mapping.table),
        row_key=pl.lit(None, pl.String),
        row_hash=pl.col("sent").hash(),
        sent=pl.struct("sent").struct.json_encode(),
        faults=pl.concat_list(pl.col("rule") + ":"),
    ).select(pl.col(name).cast(kind) for name, kind in LINE_SCHEMA.items())
    write_part(lines, staging, LINE_TABLE, delivery.delivery_id, part)
    staged.n_records[mapping.table] += lines.height
