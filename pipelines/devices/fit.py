"""FIT files of sports watches (Garmin and others): sessions as bouts, daily counters as steps.

A file that is cut or whose checksum is wrong is refused whole, because a FIT message has no
checksum of its own and a wrong byte reads like a right one. Chained files are read to the end;
stray bytes behind them are a finding.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.fit_bouts import bouts
from pipelines.devices.fit_frames import SIGNATURE, Frames, walk
from pipelines.devices.fit_messages import Columns, first_of, messages, name_of
from pipelines.devices.fit_monitoring import MONITORING, step_slots
from pipelines.devices.format import Format, read_bytes
from pipelines.errors import DeliveryRefused

MAX_BYTES = 32 << 20  # a 30-hour ultramarathon has 4 MB; checking more would take longer than 5 s
_ACTIVITY = 4  # file_id.type
_DAILY = (15, 28, 32)  # monitoring_a, monitoring_daily, monitoring_b
_GARMIN = 1
_CREATOR = 0  # device_index of the device that wrote the file


def recognise(head: bytes) -> bool:
    """Whether the first bytes carry the FIT signature."""
    return head[8:12] == SIGNATURE


def read(path: Path, *, date_order: str | None = None) -> DeviceFile | tuple[DeviceFile, ...]:
    """Bouts of an activity file, steps of a monitoring file, both of a chain that holds both.

    `date_order` does not matter: FIT times are seconds in UTC. `row_no` is the number of a data
    message. A bout whose start is only seconds since power-up has finding `clock_not_set`.
    """
    data = read_bytes(path, MAX_BYTES)
    frames = walk(data, path.name)
    own = data[: frames.n_bytes]
    read_messages = messages(own, frames, path.name)
    kinds = read_messages["file_id"]["type"]
    kinds = set(kinds[~np.isnan(kinds)].astype(int).tolist())
    has_days = MONITORING in frames.kinds and bool(kinds & set(_DAILY))
    if kinds and _ACTIVITY not in kinds and not has_days:
        raise DeliveryRefused(
            "not_an_activity",
            f"this is a FIT file of kind {name_of('file', min(kinds))}",
            where=path.name,
            remedy="export the activities and the days, not the watch's other files",
        )
    found = []
    stray = [(frames.n_messages, "trailing_bytes")] if frames.n_bytes < len(data) else []
    if _ACTIVITY in kinds or not has_days:
        found.append(_activities(read_messages, frames, stray, path.name))
    if has_days:
        found.append(_days(own, read_messages, frames, [] if found else stray, path.name))
    return found[0] if len(found) == 1 else tuple(found)


def _activities(
    read_messages: dict[str, Columns], frames: Frames, stray: list[tuple[int, str]], where: str
) -> DeviceFile:
    records = bouts(read_messages, frames, where)
    unset = records.filter(records["start_utc"].is_null())["row_no"]
    maker, model, serial = _device(read_messages, (_ACTIVITY,))
    return DeviceFile(
        table="wear_bout",
        maker=maker,
        model=model,
        device_serial=serial,
        records=records,
        findings=(*((row_no, "clock_not_set") for row_no in unset), *stray),
    )


def _days(
    data: bytes,
    read_messages: dict[str, Columns],
    frames: Frames,
    stray: list[tuple[int, str]],
    where: str,
) -> DeviceFile:
    records, findings = step_slots(data, frames, where)
    maker, model, serial = _device(read_messages, _DAILY)
    return DeviceFile(
        table="wear_day",
        maker=maker,
        model=model,
        device_serial=serial,
        records=records,
        findings=(*findings, *stray),
    )


def _device(
    read_messages: dict[str, Columns], kinds: tuple[int, ...]
) -> tuple[str, str | None, str | None]:
    """Maker, model and serial number of the watch that wrote the file of one of these kinds."""
    file_id, info = read_messages["file_id"], read_messages["device_info"]
    of_kind = np.isnan(file_id["type"]) | np.isin(file_id["type"], kinds)
    creator = info["device_index"] == _CREATOR
    own = {
        name: first_of(np.concatenate((file_id[name][of_kind], info[name][creator])))
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


def _whole_text(number: float) -> str | None:
    return None if np.isnan(number) else str(int(number))


FORMAT = Format(
    name="fit", makers=("Garmin", "COROS", "Suunto", "Wahoo"), recognise=recognise, read=read
)
