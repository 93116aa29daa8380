"""Apple Health exports, the XML or the archive as the phone makes it.

Used are workouts (as bouts), and steps, walking distance and walking speed (in quarter hours of
UTC, see `apple_days` for how watch and phone are kept from counting twice). An export belongs to a
person, not to a device, and names no serial number; of the person nothing is looked at.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.contracts.shapes import DeviceFile
from pipelines.devices.apple_days import day_slots
from pipelines.devices.apple_export import is_export, xml_pieces
from pipelines.devices.apple_records import collect
from pipelines.devices.apple_workouts import bouts_by_device
from pipelines.devices.format import Format
from pipelines.errors import DeliveryRefused


def recognise(head: bytes) -> bool:
    """Whether the first bytes are an export's XML, or an archive that begins with a part of one."""
    return is_export(head)


def read(path: Path, *, date_order: str | None = None) -> DeviceFile | tuple[DeviceFile, ...]:
    """The days of the person, and the bouts of each device; every stamp says its own offset.

    `row_no` is the number of the record or workout in the export.
    """
    export = collect(xml_pieces(path), path.name)
    found = []
    days, model, findings = day_slots(export)
    if not days.is_empty():
        found.append(
            DeviceFile(
                table="wear_day",
                maker="apple",
                model=model,
                device_serial=None,
                records=days,
                findings=tuple(sorted(export.findings + findings)),
            )
        )
    for maker, hardware, bouts, noted in bouts_by_device(export):
        found.append(
            DeviceFile(
                table="wear_bout",
                maker=maker,
                model=hardware,
                device_serial=None,
                records=bouts,
                findings=tuple(noted),
            )
        )
    if not found:
        raise DeliveryRefused(
            "no_activity",
            "the export has no workout and no record of steps, distance or walking speed",
            where=path.name,
            remedy="check that the phone or watch records steps, and export again",
        )
    return found[0] if len(found) == 1 else tuple(found)


FORMAT = Format(name="apple_health", makers=("Apple",), recognise=recognise, read=read)
