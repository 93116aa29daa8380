"""The FIT messages that a bout is made of, as columns of numbers, from a decoder that can.

fitfast (Rust) comes first. It panics on base types it does not know, makes numbers of fields whose
size does not fit their type, lets a watch app's field overwrite the watch's own of the same name,
and leaves distances packed that old watches put into three bytes with the speed. fitdecode (pure Python, a hundred times slower) takes those files, up to a size that it can do
in seconds.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import fitdecode
import fitfast
import numpy as np
from fitdecode.profile import FIELD_TYPES

from pipelines.devices.fit_frames import Frames
from pipelines.errors import DeliveryRefused

Columns = dict[str, np.ndarray]  # by field: float64, NaN where missing; all of one length
UNIX_OF_FIT_EPOCH = 631_065_600  # 1989-12-31 00:00 UTC
FIRST_CLOCK_S = 0x10000000  # FIT: smaller times are seconds since power-up, not a date
SLOW_MAX_BYTES, SLOW_MAX_FIELDS = 1 << 20, 300_000  # either is about 3 s of fitdecode

KINDS = {"file_id": 0, "sport": 12, "session": 18, "record": 20, "device_info": 23}
FIELDS = {
    "file_id": ("type", "manufacturer", "product", "serial_number"),
    "device_info": ("device_index", "manufacturer", "product", "serial_number"),
    "sport": ("sport",),
    "session": (
        "start_time",
        "timestamp",
        "total_elapsed_time",
        "total_timer_time",
        "total_distance",
        "enhanced_avg_speed",
        "avg_speed",
        "avg_heart_rate",
        "max_heart_rate",
        "avg_cadence",
        "avg_fractional_cadence",
        "total_cycles",
        "total_fractional_cycles",
        "sport",
    ),
    "record": ("timestamp", "distance", "heart_rate", "cadence", "fractional_cadence"),
}
# one of our fields standing alone as text: a developer field of that name
_OWN_NAMES = re.compile(
    rb"(?<![ -~])("
    + "|".join(sorted({f for fs in FIELDS.values() for f in fs})).encode()
    + rb")(?![ -~])"
)
_RAW = frozenset(("type", "manufacturer", "product", "device_index", "sport"))
_TIMES = frozenset(("timestamp", "start_time"))
_CRC_CHECK = fitdecode.CrcCheck.RAISE


def messages(data: bytes, frames: Frames, where: str) -> dict[str, Columns]:
    """The columns of `FIELDS` for each kind of message; `unreadable` when no decoder can.

    Assumes: `data` ends where `frames` says.
    """
    is_plain = not frames.odd_types and not frames.packed_distance
    if is_plain and not _OWN_NAMES.search(frames.developer_names):
        try:
            return fast_messages(data, frozenset(frames.kinds))
        except fitfast.FitDecodeError:
            pass  # the slow decoder has the last word
        except BaseException as fault:
            # a Rust panic arrives as a BaseException of a class that cannot be imported
            if type(fault).__name__ != "PanicException":
                raise
    _require_small(data, frames, where)
    try:
        return slow_messages(data)
    except (
        Exception
    ) as fault:  # the decoder meets hostile bytes: any of its own faults means the same
        raise _unreadable(where) from fault


def in_order(
    data: bytes, frames: Frames, where: str
) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Number, kind and raw fields of every data message, as they follow each other in the file.

    Refused as `unreadable` where they cannot be decoded, or not in seconds.
    """
    _require_small(data, frames, where)
    try:
        with warnings.catch_warnings(), fitdecode.FitReader(data, check_crc=_CRC_CHECK) as reader:
            warnings.simplefilter("ignore")
            decoded = (frame for frame in reader if frame.frame_type == fitdecode.FIT_FRAME_DATA)
            for number, frame in enumerate(decoded, start=1):
                own = (field for field in frame.fields if not _of_app(field))
                yield number, frame.name, {field.name: field.raw_value for field in own}
    except Exception as fault:  # as above
        raise _unreadable(where) from fault


def fast_messages(
    data: bytes, kinds: frozenset[int] = frozenset(KINDS.values())
) -> dict[str, Columns]:
    """What fitfast reads of the `kinds` in the file; each kind is one more pass over it."""
    return {
        kind: _columns(fitfast.records(data, kind) if KINDS[kind] in kinds else {}, fields)
        for kind, fields in FIELDS.items()
    }


def slow_messages(data: bytes) -> dict[str, Columns]:
    """What fitdecode reads, in the same terms."""
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in FIELDS}
    with warnings.catch_warnings(), fitdecode.FitReader(data, check_crc=_CRC_CHECK) as reader:
        warnings.simplefilter(
            "ignore"
        )  # a field of odd size is skipped: missing, which is what we say of it
        for frame in reader:
            if frame.frame_type == fitdecode.FIT_FRAME_DATA and frame.name in rows:
                wanted = FIELDS[frame.name]
                own = (field for field in frame.fields if not _of_app(field))
                values = ((_own_name(field), field) for field in own)
                rows[frame.name].append(
                    {name: _number(name, field) for name, field in values if name in wanted}
                )
    return {
        kind: {
            field: np.array([row.get(field, np.nan) for row in rows[kind]], dtype=np.float64)
            for field in fields
        }
        for kind, fields in FIELDS.items()
    }


def name_of(kind: str, number: float) -> str | None:
    """The profile's word for an enumerated value, or the number as text if it has none."""
    if np.isnan(number):
        return None
    return str(FIELD_TYPES[kind].enum.get(int(number), int(number)))


def first_of(values: np.ndarray) -> float:
    """The first value that is there, or NaN."""
    there = values[~np.isnan(values)]
    return float(there[0]) if len(there) else np.nan


def _require_small(data: bytes, frames: Frames, where: str) -> None:
    if len(data) > SLOW_MAX_BYTES or frames.n_fields > SLOW_MAX_FIELDS:
        raise _unreadable(where)


def _columns(read: dict[str, np.ndarray], fields: tuple[str, ...]) -> Columns:
    n_rows = max((len(column) for column in read.values()), default=0)
    return {field: read.get(field, np.full(n_rows, np.nan)) for field in fields}


def _of_app(field: fitdecode.types.FieldData) -> bool:
    return field.field_def is not None and field.field_def.is_dev


def _own_name(field: fitdecode.types.FieldData) -> str:
    """The field's name before sub-fields (`total_strides` is `total_cycles` on foot)."""
    return field.parent_field.name if field.parent_field and not field.is_expanded else field.name


def _number(name: str, field: fitdecode.types.FieldData) -> float:
    value = field.raw_value if name in _RAW or name in _TIMES else field.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return np.nan  # missing, or an array where the profile has one number
    return float(value) + (UNIX_OF_FIT_EPOCH if name in _TIMES else 0)


def _unreadable(where: str) -> DeliveryRefused:
    return DeliveryRefused(
        "unreadable",
        "the checksums match but the messages cannot be decoded",
        where=where,
        remedy="export the activity again; if that fails, send it as another format",
    )
