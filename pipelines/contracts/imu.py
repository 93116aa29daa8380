"""A clinic's table of acceleration samples as declared: which column is what, in which unit."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipelines.contracts.wear import Frozen

Placement = Literal["lower_back", "wrist", "hip", "thigh", "shank", "foot"]

STAMP_PARTS = ("YYYY", "MM", "DD", "hh", "mm", "ss")


def _stamp(written: str) -> str:
    """Each part stands once, and behind the seconds there may be 1 to 6 `f`: all of fixed width."""
    rest = written.rstrip("Z")
    fraction = len(rest) - len(rest.rstrip("f"))
    rest = rest.rstrip("f")
    for part in STAMP_PARTS:
        if rest.count(part) != 1:
            raise ValueError(f"a time is written with {', '.join(STAMP_PARTS)}, each once")
        rest = rest.replace(part, "")
    if (
        not set(rest) <= set("-/.:, T_")
        or fraction > 6
        or len(written) - len(written.rstrip("Z")) > 1
    ):
        raise ValueError(
            "a time is written like YYYY-MM-DD hh:mm:ss.fff, with 0 to 6 `f` at its end, or Z"
        )
    return written


Stamp = Annotated[str, AfterValidator(_stamp)]
Column = Annotated[str, Field(min_length=1)]


class ImuTime(Frozen):
    """The time column: numbers since 1970 or since the start, a counter of samples, or text.

    `timestamp` is a Parquet column of that type.
    """

    column: Column
    unit: Literal["s", "ms", "us", "ns", "samples", "timestamp"] | None = None
    since: Literal["epoch", "start"] | None = None
    written: Stamp | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ImuTime:
        if (self.unit is None) == (self.written is None):
            raise ValueError("a time column has either a `unit` or is text, `written` in a pattern")
        if (self.since is not None) != (self.unit in ("s", "ms", "us", "ns")):
            raise ValueError("`since` (epoch or start) goes with the units s, ms, us and ns")
        return self


class ImuStart(Frozen):
    """Where the time of the first sample stands, and how it is written.

    `column`: its first cell. `preamble`: a key of the layout's preamble. `file_name`: the group
    `start` of the file kind's `name`.
    """

    column: Column | None = None
    preamble: str | None = None
    file_name: bool = False
    written: Stamp

    @model_validator(mode="after")
    def _one_place(self) -> ImuStart:
        if (self.column is not None) + (self.preamble is not None) + self.file_name != 1:
            raise ValueError("the start is in exactly one of `column`, `preamble`, `file_name`")
        return self


class ImuSerial(Frozen):
    """Where the device's serial number stands; `constant` where the file does not say it."""

    column: Column | None = None
    preamble: str | None = None
    constant: Column | None = None

    @model_validator(mode="after")
    def _one_place(self) -> ImuSerial:
        if sum(x is not None for x in (self.column, self.preamble, self.constant)) != 1:
            raise ValueError("the serial is in exactly one of `column`, `preamble`, `constant`")
        return self


class ImuAcc(Frozen):
    columns: tuple[Column, Column, Column]  # x, y, z on the device's own axes
    unit: Literal["g", "mg", "m/s2"]


class ImuGyro(Frozen):
    columns: tuple[Column, Column, Column]
    unit: Literal["deg/s", "rad/s"]


class ImuTable(Frozen):
    """Raw samples as rows of a CSV or Parquet table, one device per file.

    Without `time` the rows lie on an even grid of `rate_hz` from `start`.
    """

    maker: Column
    model: str | None = None
    rate_hz: float = Field(gt=0, le=10_000)
    range_g: float | None = Field(None, gt=0, le=1000)
    clock: Literal["utc", "local"]
    time: ImuTime | None = None
    start: ImuStart | None = None
    acc: ImuAcc
    gyro: ImuGyro | None = None
    serial: ImuSerial | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ImuTable:
        needs = self.time is None or self.time.since == "start" or self.time.unit == "samples"
        if needs and self.start is None:
            raise ValueError("these times count from a start: say with `start` where it stands")
        if not needs and self.start is not None:
            raise ValueError("the time column says it all: `start` would be a second truth")
        stamps = [at.written for at in (self.time, self.start) if at is not None and at.written]
        if self.clock == "local" and any(text.endswith("Z") for text in stamps):
            raise ValueError("a time written with Z is UTC: set `clock: utc`")
        signals = (*self.acc.columns, *(self.gyro.columns if self.gyro else ()))
        if len(set(signals)) < len(signals) or (self.time and self.time.column in signals):
            raise ValueError("one column is declared as two things")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the table must have, each once."""
        single = [
            at.column for at in (self.time, self.start, self.serial) if at is not None and at.column
        ]
        gyro = self.gyro.columns if self.gyro else ()
        return tuple(dict.fromkeys(chain(single, self.acc.columns, gyro)))


def device_fault(kind: Any, imu: ImuTable | None, placement: str | None) -> str | None:
    """What does not fit together in a file kind that declares a table of samples or a placement."""
    if (imu or placement) and kind.format != "device":
        return "`imu` and `placement` go with `format: device`"
    if imu is None:
        return None
    if kind.devices:
        return "a file is known by its content (`devices`) or declared (`imu`), not both"
    if imu.start and imu.start.file_name and "(?P<start>" not in kind.name:
        return "the start is in the file's name: `name` needs a group `start`"
    for at in (imu.start, imu.serial):
        if at and at.preamble is not None and at.preamble not in kind.layout.preamble:
            return f"`{at.preamble}` is not under the layout's `preamble`"
    return None
