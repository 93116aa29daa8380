"""The contract as typed, frozen values: fields, tables, clinics, study. Unknown keys are refused."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipelines.contracts.imu import ImuTable, Placement, device_fault
from pipelines.contracts.kinds import DateOrder, Encoding, NamePattern, Span
from pipelines.contracts.lab import KneeLab, lab_fault
from pipelines.contracts.rules import Kind, Severity
from pipelines.contracts.study_parts import (
    AnalysisDef,
    EnrolmentDef,
    Programme,
    QueriesDef,
    ReportDef,
    SubgroupDef,
    ThresholdChoice,
)
from pipelines.contracts.wear import WearDef

FieldType = Literal["text", "integer", "decimal", "boolean", "date", "instant", "code"]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldDef(Frozen):
    """One column, defined once for every table that has it."""

    type: FieldType
    description: str
    unit: str | None = None
    codes: str | None = None
    valid: Span | None = None
    plausible: Span | None = None
    # Where nine in ten values of one file end; elsewhere the file is in another unit than was declared.
    file_p90: Span | None = None
    known_as: tuple[str, ...] = ()
    reveals: Literal["arm"] | None = None
    identifies: bool = False
    items: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> FieldDef:
        if (self.type == "code") != (self.codes is not None):
            raise ValueError("a field of type code names its list in `codes`, and no other does")
        return self


class RowRule(Frozen):
    """A predicate that a good row satisfies; NULL counts as satisfied."""

    holds: str
    kind: Kind
    severity: Severity
    remedy: str


class Match(Frozen):
    table: str
    match: dict[str, str]  # column of the other table -> column of this one
    where: str | None = None  # `other.` marks the other table's columns


class AcrossRule(Frozen):
    """A row (for which `when` is true) must have a matching row in another table."""

    exists: Match
    when: str | None = None
    kind: Kind
    severity: Severity
    remedy: str


class Answers(Frozen):
    measure: str
    items: str  # prefix of the item fields


class Table(Frozen):
    grain: str
    key: tuple[str, ...]
    date: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    answers: Answers | None = None
    rules: dict[str, RowRule] = {}
    across: dict[str, AcrossRule] = {}

    @property
    def fields(self) -> tuple[str, ...]:
        return self.required + self.optional


class ColumnMap(Frozen):
    """What one column of a clinic's file means."""

    field: str | None = None
    unit: str | None = None
    time_of: str | None = None  # this column is the clock time of that instant field
    local_of: str | None = None  # this column is the local date and time of that instant field
    words: dict[str, str | bool] | None = None
    missing: tuple[str, ...] | None = None
    dates: DateOrder | None = None
    magnitude: bool = False  # the sign only tells the belt's direction: drop it
    checkbox: bool = False  # 0/1 that means nothing until the form was opened

    @model_validator(mode="after")
    def _one_meaning(self) -> ColumnMap:
        if sum(x is not None for x in (self.field, self.time_of, self.local_of)) != 1:
            raise ValueError("a column is exactly one of `field`, `time_of`, `local_of`")
        return self


class Instant(Frozen):
    """Where an instant comes from: one local date-and-time column, or a date and a time column."""

    local: str | None = None
    date: str | None = None
    time: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Instant:
        if (self.local is None) == (self.date is None or self.time is None):
            raise ValueError("give `local`, or both `date` and `time`")
        return self


class TableMap(Frozen):
    """How one file's columns become one contract table."""

    columns: dict[str, ColumnMap]
    instants: dict[str, Instant] = {}
    constants: dict[str, Any] = {}
    words: dict[str, dict[str, str | bool]] = {}
    rows_where: dict[str, tuple[str, ...]] = {}
    complete: str | None = None  # REDCap's <form>_complete column
    ignore: tuple[str, ...] = ()

    @field_validator("columns", mode="before")
    @classmethod
    def _short_form(cls, columns: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {"field": meaning} if isinstance(meaning, str) else meaning
            for name, meaning in columns.items()
        }

    @model_validator(mode="before")
    @classmethod
    def _local_columns(cls, body: Any) -> Any:
        """A column that is `local_of` an instant is where that instant comes from."""
        columns = body.get("columns") if isinstance(body, dict) else None
        if not isinstance(columns, dict):
            return body
        local = {
            meaning["local_of"]: {"local": name}
            for name, meaning in columns.items()
            if isinstance(meaning, dict) and meaning.get("local_of")
        }
        return {**body, "instants": {**local, **(body.get("instants") or {})}}


class LayoutDef(Frozen):
    delimiter: str = ","
    quote: str = '"'
    header: tuple[str, ...] = ()
    sheet: str | None = None
    preamble: dict[str, str] = {}
    footer: str | None = None
    trailer_count: bool = False


class FileKind(Frozen):
    """One kind of file that a clinic sends."""

    name: NamePattern
    format: Literal["csv", "xlsx", "redcap", "device"]
    keyed: Literal["increment", "snapshot", "resend"]
    every_days: int | None = Field(None, gt=0)
    encoding: Encoding | None = None
    layout: LayoutDef = LayoutDef()
    tables: dict[str, TableMap] = {}
    sheets: dict[str, LayoutDef] = {}  # XLSX with a sheet per table: table -> layout
    devices: tuple[str, ...] = ()
    imu: ImuTable | None = None  # a table of samples that no format's own marks tell
    placement: Placement | None = None  # where the device is worn; holds where the file is silent
    lab: KneeLab | None = None  # a gait lab's export, which does not say what its columns mean
    dictionary: str | None = None

    @model_validator(mode="after")
    def _device_keys(self) -> FileKind:
        fault = device_fault(self, self.imu, self.placement) or lab_fault(self, self.lab)
        if fault:
            raise ValueError(fault)
        return self


class Clinic(Frozen):
    clinic_id: str
    name: str
    prefix: str = Field(pattern=r"^\d{2}$")
    language: str
    time_zone: str
    country: str | None = Field(None, pattern=r"^[A-Z]{3}$")  # ISO 3166-1 alpha-3
    sends_from: dt.date
    encoding: Encoding = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " "] = ""
    dates: DateOrder
    times: Literal["h:mm AM/PM", "HH:MM", "HH:MM:SS", "HH.MM"]
    missing: tuple[str, ...] = ("",)
    words: dict[str, dict[str, str | bool]] = {}
    files: dict[str, FileKind]

    @model_validator(mode="after")
    def _marks_differ(self) -> Clinic:
        if self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` are the same mark")
        return self


class Visit(Frozen):
    target: int
    from_: int = Field(alias="from")
    to: int

    @model_validator(mode="after")
    def _target_inside(self) -> Visit:
        if not self.from_ <= self.target <= self.to:
            raise ValueError("`target` lies outside the window from `from` to `to`")
        return self


class Study(Frozen):
    study_id: str
    title: str
    question: str
    arms: dict[Literal["reference", "test"], str]
    primary_visit: str
    visits: dict[str, Visit]
    expected_forms: dict[str, tuple[str, ...]]
    programme: Programme
    analysis: AnalysisDef
    thresholds: tuple[ThresholdChoice, ...]
    subgroups: tuple[SubgroupDef, ...] = ()
    wear: WearDef
    reports: dict[str, ReportDef]
    calendar: dict[Literal["grace_days"], int]
    queries: QueriesDef
    enrolment: EnrolmentDef | None = None
    stopping: str | None = None  # the board's guidance for stopping, as the protocol words it

    @model_validator(mode="after")
    def _windows(self) -> Study:
        spans = sorted((v.from_, v.to, name) for name, v in self.visits.items())
        for (_, end, first), (start, _, second) in pairwise(spans):
            if start <= end:
                raise ValueError(f"visit windows {first} and {second} overlap")
        if self.primary_visit not in self.visits:
            raise ValueError("the primary visit is not one of `visits`")
        due = {visit for visits in self.expected_forms.values() for visit in visits}
        if due - set(self.visits):
            raise ValueError("`expected_forms` names a visit that is not one of `visits`")
        return self


class Correction(Frozen):
    table: str
    clinic_id: str
    match: dict[str, str] = Field(min_length=1)
    field: str
    expect: str | int | float | bool | None
    value: str | int | float | bool | None
    reason: str
    by: str
    decided_date: dt.date


class Contract(Frozen):
    """Everything declared under `schemas/`."""

    fields: dict[str, FieldDef]
    codes: dict[str, dict[str, str]]
    tables: dict[str, Table]
    clinics: dict[str, Clinic]
    study: Study
    corrections: tuple[Correction, ...]
    clinic_digests: dict[str, str]  # changes when anything a clinic's deliveries depend on changes
    digest: str
