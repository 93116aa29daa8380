"""Writes made-up Apple Health exports: the XML, and the archive as a phone makes it."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

WATCH = (
    "<<HKDevice: 0x281c9b8d0>, name:Apple Watch, manufacturer:Apple Inc., model:Watch, "
    "hardware:Watch6,2, software:9.1>",
    "9.1",
)
PHONE = (
    "<<HKDevice: 0x281c9b8e1>, name:iPhone, manufacturer:Apple Inc., model:iPhone, "
    "hardware:iPhone13,2, software:16.0>",
    "16.0",
)
# of the kind that exports carry; iOS 16 leaves its comment open, so that no XML reader takes it
_DOCUMENT_TYPE = """<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 12 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST Record
  type          CDATA #REQUIRED
  startDate     CDATA #REQUIRED
%s]>
"""
_WHOLE, _BROKEN = ">\n", "  device CDATA #IMPLIED\n<!ATTLIST MetadataEntry key <CDATA>\n"


def record_xml(
    kind: str,
    start: dt.datetime,
    end: dt.datetime,
    value: float,
    unit: str,
    *,
    name: str = "Made-up Watch",
    device: tuple[str, str] | None = WATCH,
    by_hand: bool = False,
) -> str:
    """One record of type `HKQuantityTypeIdentifier<kind>`; times carry their offsets.

    `device` is what the phone says of it, and the version of its software; an app has none.
    """
    begins = (
        f'<Record type="HKQuantityTypeIdentifier{kind}" {_source(name, device)} unit="{unit}" '
        f'creationDate="{_stamp(end)}" startDate="{_stamp(start)}" endDate="{_stamp(end)}" '
        f'value="{value}"'
    )
    if not by_hand:
        return f" {begins}/>\n"
    return f' {begins}>\n  <MetadataEntry key="HKWasUserEntered" value="1"/>\n </Record>\n'


def workout_xml(
    kind: str,
    start: dt.datetime,
    end: dt.datetime,
    *,
    duration_min: float,
    name: str = "Made-up Watch",
    device: tuple[str, str] | None = WATCH,
    distance: tuple[float, str] | None = None,
    statistics: Sequence[Mapping[str, str]] = (),
    by_hand: bool = False,
) -> str:
    """One workout; `distance` as until iOS 15, `statistics` (attributes by name) as since then."""
    total = f'totalDistance="{distance[0]}" totalDistanceUnit="{distance[1]}" ' if distance else ""
    children = "".join(f"  <WorkoutStatistics {_attributes(one)}/>\n" for one in statistics) + (
        '  <MetadataEntry key="HKWasUserEntered" value="1"/>\n' if by_hand else ""
    )
    return (
        f' <Workout workoutActivityType="HKWorkoutActivityType{kind}" duration="{duration_min}" '
        f'durationUnit="min" {total}{_source(name, device)} creationDate="{_stamp(end)}" '
        f'startDate="{_stamp(start)}" endDate="{_stamp(end)}">\n{children}'
        '  <MetadataEntry key="HKTimeZone" value="Europe/Berlin"/>\n </Workout>\n'
    )


def export_xml(
    entries: Sequence[str], exported: dt.datetime, *, document_type: str = "whole"
) -> bytes:
    """The XML of an export; `document_type` is "whole", "broken" (as iOS 16 writes it) or "none"."""
    kinds = {"whole": _DOCUMENT_TYPE % _WHOLE, "broken": _DOCUMENT_TYPE % _BROKEN, "none": ""}
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + kinds[document_type]
        + '<HealthData locale="en_DE">\n'
        + f' <ExportDate value="{_stamp(exported)}"/>\n'
        + ' <Me HKCharacteristicTypeIdentifierDateOfBirth=""/>\n'
        + "".join(entries)
        + "</HealthData>\n"
    ).encode()


def export_zip(xml: bytes, *, name: str = "export.xml", n_routes: int = 1) -> bytes:
    """The archive: routes of workouts first, a clinical document, and the export by its name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(n_routes):
            _add(archive, f"workout-routes/route_{number}.gpx", b'<gpx version="1.1"></gpx>\n')
        _add(archive, name, xml)
        _add(archive, "export_cda.xml", b'<?xml version="1.0"?>\n<ClinicalDocument/>\n')
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(f"apple_health_export/{name}")  # without a clock reading
    archive.writestr(member, data, zipfile.ZIP_DEFLATED)


def _source(name: str, device: tuple[str, str] | None) -> str:
    said, version = device or ("", "42")
    told = {"sourceName": name, "sourceVersion": version} | ({"device": said} if said else {})
    return _attributes(told)


def _attributes(told: Mapping[str, str]) -> str:
    return " ".join(f"{name}={quoteattr(value)}" for name, value in told.items())


def _stamp(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %z}"
