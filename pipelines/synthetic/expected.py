"""The truth about a made-up study's files: what must be found where, what was sent twice, changed or forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from pipelines.contracts.across import across_rules
from pipelines.contracts.model import Contract
from pipelines.synthetic.delivered import COPY_SCHEMA, FAULT_SCHEMA, Written
from pipelines.synthetic.gait_lab import STANCE_SCHEMA
from pipelines.synthetic.sensor_files import WALK_SCHEMA

EVENT_SCHEMA = {
    "clinic_id": pl.String, "file_name": pl.String, "participant_id": pl.String, "device_serial": pl.String,
    "event": pl.String, "local_date": pl.Date, "value": pl.Float64,
}  # fmt: skip


@dataclass
class Truth:
    """Grows while files are written."""

    faults: list[pl.DataFrame] = field(default_factory=list)
    duplicates: list[pl.DataFrame] = field(default_factory=list)
    changes: list[tuple[int, str, str, str, str, str]] = field(default_factory=list)
    missing: list[tuple[int, str, str, str]] = field(default_factory=list)
    replaced: list[tuple[str, str, int]] = field(default_factory=list)  # clinic, file, night
    walks: list[pl.DataFrame] = field(default_factory=list)  # WALK_SCHEMA
    stances: list[tuple] = field(default_factory=list)  # STANCE_SCHEMA
    events: list[dict] = field(default_factory=list)  # EVENT_SCHEMA

    def note(self, night: int, done: Written) -> None:
        """Takes in what stands in a form file."""
        self.faults.append(done.faults.with_columns(night=pl.lit(night, pl.Int64)))
        self.duplicates.append(done.copies.with_columns(night=pl.lit(night, pl.Int64)))

    def fault(
        self, night: int, clinic: str, path: Path, table: str, rows: list[int], rule: str, kind: str
    ) -> None:
        """Notes one fault at some lines of a file; line 0 is the file as a whole."""
        found = [(clinic, path.name, table, row, rule, kind) for row in rows]
        frame = pl.DataFrame(found, schema=FAULT_SCHEMA, orient="row")
        self.faults.append(frame.with_columns(night=pl.lit(night, pl.Int64)))

    def copy(self, night: int, clinic: str, file_name: str) -> None:
        """Notes a whole file that came before under another name."""
        frame = pl.DataFrame([(clinic, file_name, "", 0)], schema=COPY_SCHEMA, orient="row")
        self.duplicates.append(frame.with_columns(night=pl.lit(night, pl.Int64)))

    def frames(self, contract: Contract, n_nights: int) -> dict[str, pl.DataFrame]:
        """The truth as tables, in a fixed order.

        `last_night` of a fault is the last night on which it must be found. Rules over several tables speak only
        of current rows, so they fall silent once a snapshot or a resend has taken the place of their file.
        """
        nothing = pl.DataFrame(schema={**FAULT_SCHEMA, "night": pl.Int64})
        no_copy = pl.DataFrame(schema={**COPY_SCHEMA, "night": pl.Int64})
        order = ["night", "clinic_id", "file_name", "table_name", "row_no"]
        across = pl.DataFrame(
            [(table, rule.name) for table in contract.tables for rule in across_rules(contract, table)],
            schema={"table_name": pl.String, "rule": pl.String}, orient="row",
        ).with_columns(is_across=pl.lit(True))  # fmt: skip
        replaced = pl.DataFrame(
            self.replaced, orient="row",
            schema={"clinic_id": pl.String, "file_name": pl.String, "replaced_night": pl.Int64},
        ).unique(["clinic_id", "file_name"], keep="first", maintain_order=True)  # fmt: skip
        faults = (
            pl.concat([nothing, *self.faults])
            .join(across, on=["table_name", "rule"], how="left")
            .join(replaced, on=["clinic_id", "file_name"], how="left")
            .with_columns(
                last_night=pl.when("is_across")
                .then(pl.col("replaced_night") - 1)
                .fill_null(n_nights)
            )
            .drop("is_across", "replaced_night")
        )
        return {
            "faults": faults.sort([*order, "rule"]),
            "duplicates": pl.concat([no_copy, *self.duplicates]).sort(order),
            "changes": pl.DataFrame(
                self.changes, orient="row",
                schema={"night": pl.Int64} | dict.fromkeys(
                    ("clinic_id", "file_name", "table_name", "row_key", "what"), pl.String
                ),
            ),
            "missing": pl.DataFrame(
                self.missing, orient="row",
                schema={"night": pl.Int64} | dict.fromkeys(("clinic_id", "file_kind", "expected_date"), pl.String),
            ),
            "stances": pl.DataFrame(self.stances, schema=STANCE_SCHEMA, orient="row"),
            "walks": pl.concat([pl.DataFrame(schema=WALK_SCHEMA), *self.walks]),
            "wear_events": pl.DataFrame(self.events, schema=EVENT_SCHEMA),
        }  # fmt: skip
