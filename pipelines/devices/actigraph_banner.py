"""The ten lines above an ActiLife file: device, start, epoch length or rate, columns, date order."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from pipelines.errors import DeliveryRefused

DATE_ORDERS = ("MDY", "DMY", "YMD")
_TITLE = re.compile(r"^[\"\ufeff]*-+ *Data (?:Table )?File Created By ActiGraph\b", re.IGNORECASE)
_RAW_RATE = re.compile(r" at (\d{1,4}) *Hz\b", re.IGNORECASE)  # samples, not counts
_MODEL = re.compile(r"Created By ActiGraph (.+?) ActiLife", re.IGNORECASE)
_DATE_FORMAT = re.compile(r"date format ([dMy]+)\W+([dMy]+)\W+([dMy]+)")
_RULE = re.compile(r"^-{10,}[,;\s]*$")
_MAX_LINES = 40
_STEPS, _AXIS_2, _AXIS_3 = 1, 4, 8  # bits of the mode number


@dataclass(frozen=True)
class Banner:
    """What the banner says; the start date stays text until its order is settled."""

    n_lines: int
    model: str | None
    device_serial: str | None
    start_date: str
    start_date_line: int
    start_time: dt.time
    download_date: str | None
    epoch_s: int  # 0 where the file has samples
    mode: int | None
    date_order: str | None
    rate_hz: int | None = None  # None where the file has counts


def is_count_banner(head: str) -> bool:
    """Whether the text starts like an ActiLife count file (raw samples have a rate, no epoch)."""
    first = head.split("\n", 1)[0]
    epoch = _value(head.split("\n"), "Epoch Period (hh:mm:ss)")
    return bool(_TITLE.match(first)) and not _RAW_RATE.search(first) and epoch != "00:00:00"


def is_raw_banner(head: str) -> bool:
    """Whether the text starts like an ActiLife file of raw samples."""
    return bool(_TITLE.match(head.split("\n", 1)[0])) and not is_count_banner(head)


def read_banner(head: str, where: str, *, is_raw: bool = False) -> Banner:
    """The banner at the start of `head`; `bad_banner` when a part is absent or unreadable."""
    lines = [line.rstrip("\r") for line in head.split("\n")[:_MAX_LINES]]
    rule = next((i for i, line in enumerate(lines) if i and _RULE.match(line)), None)
    if rule is None:
        raise bad_banner("the line of dashes that ends it is absent", where)
    lines = lines[: rule + 1]
    start_date = _value(lines, "Start Date")
    start_time = _time(_value(lines, "Start Time"))
    epoch_s = _seconds(_value(lines, "Epoch Period (hh:mm:ss)"))
    if start_date is None or start_time is None:
        raise bad_banner("it has no readable start date and time", where)
    rate = _RAW_RATE.search(lines[0])
    if not epoch_s and not is_raw:
        raise bad_banner("it has no readable epoch period", where)
    if not rate and is_raw:
        raise bad_banner("it does not say at how many Hz the samples were taken", where)
    model = _MODEL.search(lines[0])
    mode = re.search(r"\bMode = (\d{1,3})\b", "\n".join(lines))
    order = _DATE_FORMAT.search(lines[0])
    letters = "".join(part[0].upper() for part in order.groups()) if order else None
    return Banner(
        n_lines=rule + 1,
        model=model.group(1) if model else None,
        device_serial=_value(lines, "Serial Number"),
        start_date=start_date,
        start_date_line=next(i for i, s in enumerate(lines, 1) if "Start Date" in s),
        start_time=start_time,
        download_date=_value(lines, "Download Date"),
        epoch_s=epoch_s or 0,
        mode=int(mode.group(1)) if mode else None,
        date_order=letters if letters in DATE_ORDERS else None,
        rate_hz=int(rate.group(1)) if rate and is_raw else None,
    )


def columns_of_mode(mode: int | None, width: int) -> list[str] | None:
    """The first columns of a file without a header row, or None if they cannot be known.

    Source: ActiLife manual, mode word: 1 steps, 2 heart rate, 4 axis 2, 8 axis 3, 16 light,
    32 inclinometer; axes stand first, then steps, as in the count files of GGIRread.
    """
    if mode is None:
        return ["axis1", "axis2", "axis3"] if width == 3 else None
    names = ["axis1"]
    names += ["axis2"] if mode & _AXIS_2 else []
    names += ["axis3"] if mode & _AXIS_3 else []
    names += ["steps"] if mode & _STEPS else []
    return names if len(names) <= width else None


def settle_start(
    banner: Banner, date_order: str | None, proven: dt.date | None, where: str
) -> tuple[dt.date, str, bool]:
    """Start date, its order, and whether the order that the banner names was proven wrong.

    `proven` is the date of the first time stamp where that one is written year first. What the file
    itself says comes first; `date_order` is for a file that leaves day and month open.
    """
    dates = {order: day for order in DATE_ORDERS if (day := _date(banner.start_date, order))}
    if not dates:
        raise bad_banner("its start date is no date", where)
    if proven is not None:
        dates = {order: day for order, day in dates.items() if day == proven}
        if not dates:
            raise bad_banner("its start date is not that of the first time stamp", where)
    named = banner.date_order
    if named in dates and _download_fits(banner, named, dates[named]):
        return dates[named], named, False
    contradicted = named is not None
    if len(set(dates.values())) == 1:
        order = next(iter(dates))
        return dates[order], order, contradicted
    if date_order in dates:
        return dates[date_order], date_order, contradicted
    raise DeliveryRefused(
        "ambiguous_date",
        "the start date can be read with the day first or the month first",
        where=f"{where}, line {banner.start_date_line}",
        remedy="declare the order of day and month of this clinic's device files",
    )


def _download_fits(banner: Banner, order: str, start: dt.date) -> bool:
    if banner.download_date is None:
        return True
    download = _date(banner.download_date, order)
    return download is not None and download >= start


def bad_banner(what: str, where: str) -> DeliveryRefused:
    """The refusal of a file whose banner does not do."""
    return DeliveryRefused(
        "bad_banner",
        f"the ActiLife banner cannot be used: {what}",
        where=where,
        remedy="export the counts again from ActiLife, with the header, and send the file unopened",
    )


def _value(lines: list[str], label: str) -> str | None:
    """The text behind a label, without the commas that a spreadsheet adds to short lines."""
    for line in lines[:_MAX_LINES]:
        text = line.strip('\r"\ufeff ')
        if text.startswith(label):
            value = text[len(label) :].lstrip(": ").rstrip(',;" \t')
            return value or None
    return None


def _date(text: str, order: str) -> dt.date | None:
    parts = re.fullmatch(r"(\d{1,4})[-/. ]+(\d{1,2})[-/. ]+(\d{1,4})\.?", text, re.ASCII)
    # a year of two digits would have to be guessed
    if not parts or len(parts.groups()[order.index("Y")]) != 4:
        return None
    by_letter = dict(zip(order, map(int, parts.groups()), strict=True))
    try:
        date = dt.date(by_letter["Y"], by_letter["M"], by_letter["D"])
    except ValueError:
        return None
    return (
        date if 1990 <= date.year < 2100 else None
    )  # counters are no older; 2100 is a typing error


def _time(text: str | None) -> dt.time | None:
    for pattern in ("%H:%M:%S", "%I:%M:%S %p"):
        try:
            return dt.datetime.strptime(text or "", pattern).time()
        except ValueError:
            continue
    return None


def _seconds(text: str | None) -> int | None:
    parts = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})", text or "", re.ASCII)
    if not parts:
        return None
    hours, minutes, seconds = map(int, parts.groups())
    return 3600 * hours + 60 * minutes + seconds
