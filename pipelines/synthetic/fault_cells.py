"""Faults in the text of a cell: numbers, dates, times and words that cannot be read as declared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import polars as pl

from pipelines import clock
from pipelines.contracts import predicates
from pipelines.contracts.model import Clinic, Contract
from pipelines.synthetic.fault_fields import DEVICE_TABLES, ghostly, whole_record
from pipelines.synthetic.faults import Fault, Place, Row
from pipelines.synthetic.people import FIRST_DATE

_NUMBERS = ("integer", "decimal")
_WORDS = ("code", "boolean")
_DATE_PARTS = {"YYYY": "%Y", "MM": "%m", "DD": "%d"}
# kind -> (rule, field types, text for a clinic). The first of a rule is planted in every table.
_TEXTS: dict[str, tuple[str, tuple[str, ...], Callable[[Clinic], str]]] = {
    "unreadable_number": ("unreadable_number", _NUMBERS, lambda clinic: "1O"),
    "unreadable_date": ("unreadable_date", ("date",), lambda clinic: "31-Feb"),
    "unknown_code": ("unknown_code", _WORDS, lambda clinic: "see notes"),
    "number_with_other_mark": (
        "unreadable_number", ("decimal",), lambda clinic: "1,2,5" if clinic.decimal == "." else "1.2.5"),
    "number_with_unit": ("unreadable_number", _NUMBERS, lambda clinic: "12 pts"),
    "number_as_undeclared_missing": ("unreadable_number", _NUMBERS, lambda clinic: "n/d"),
    "date_with_two_digit_year": ("unreadable_date", ("date",), lambda clinic: "13/04/25"),
    "date_as_excel_serial": ("unreadable_date", ("date",), lambda clinic: "45726"),
    "score_turned_into_date": ("unreadable_number", _NUMBERS, lambda clinic: "04-Mar"),
    "code_as_number": ("unknown_code", _WORDS, lambda clinic: "-9"),
}  # fmt: skip
_VARIANTS_IN = ("session", "walk_test", "adverse_event")  # tables that get every spelling


def faults(contract: Contract) -> Iterator[Fault]:
    """Unreadable cells in every form table, more spellings in some, and impossible clock times."""
    for table, declared in contract.tables.items():
        if table in DEVICE_TABLES:
            continue
        types = {contract.fields[name].type for name in declared.fields}
        for kind, (rule, of, text) in _TEXTS.items():
            if not types & set(of) or (kind != rule and table not in _VARIANTS_IN):
                continue
            yield Fault(
                kind=f"{table}.{kind}", rule=rule, table=table, level="text", where=whole_record(table),
                texts=_unreadable(of, text, _rank(kind)), ghost=ghostly(table),
            )  # fmt: skip
        if "instant" in types:
            yield from _instants(contract, table)


def _rank(kind: str) -> int:
    """Which field of several a spelling goes to, so that not all go to the same."""
    return list(_TEXTS).index(kind)


def _unreadable(
    types: tuple[str, ...], text: Callable[[Clinic], str], rank: int
) -> Callable[[Row, Place], dict[str, str]]:
    def texts(row: Row, place: Place) -> dict[str, str]:
        written = text(place.clinic)
        names = [
            name for name in _own_cells(place)
            if place.contract.fields[name].type in types and _not_missing(place, name, written)
        ]  # fmt: skip
        declared = place.contract.tables[place.table]
        read = {c for rule in declared.rules.values() for c in predicates.columns_of(rule.holds)}
        best = [name for name in names if name in declared.optional and name not in read]
        usable = best or [name for name in names if name in declared.optional] or names
        return {usable[rank % len(usable)]: written} if usable else {}

    return texts


def _own_cells(place: Place) -> list[str]:
    """Fields that have a column of their own, shared with no other table of the line."""
    others = {
        column
        for table, body in place.file.tables.items()
        if table != place.table
        for column in body.columns
    }
    if place.file.sheets:
        others = set()
    return [
        meaning.field for column, meaning in place.map.columns.items()
        if meaning.field and column not in others and not meaning.checkbox
        and meaning.field not in place.map.constants and column not in place.map.rows_where
    ]  # fmt: skip


def _not_missing(place: Place, name: str, text: str) -> bool:
    _, meaning = place.column_of(name)
    return text not in (*place.clinic.missing, *(meaning.missing or ()))


def _instants(contract: Contract, table: str) -> Iterator[Fault]:
    names = [n for n in contract.tables[table].fields if contract.fields[n].type == "instant"]
    start = next((name for name in names if name.startswith("start")), names[0])
    used = pl.col(start).is_not_null()
    if "device_serial" in contract.tables[table].fields and table == "session":
        used = used & pl.col("device_serial").is_null()  # on another day the device was not lent
    own = whole_record(table)
    where = used if own is None else used & own

    def clock_text(row: Row, place: Place) -> dict[str, str]:
        found = place.column_of(start)
        return {start: "25:99"} if found and found[1].time_of else {}

    def moment_text(row: Row, place: Place) -> dict[str, str]:
        found = place.column_of(start)
        return {start: "yesterday 10:15"} if found and found[1].local_of else {}

    yield Fault(kind=f"{table}.unreadable_time", rule="unreadable_time", table=table, level="text",
                where=where, texts=clock_text)  # fmt: skip
    if not any(contract.fields[name].type == "date" for name in contract.tables[table].fields):
        yield Fault(kind=f"{table}.unreadable_date", rule="unreadable_date", table=table, level="text",
                    where=where, texts=moment_text)  # fmt: skip
    for rule in (clock.NONEXISTENT, clock.AMBIGUOUS):
        yield Fault(
            kind=f"{table}.{rule}", rule=rule, table=table, level="text", where=where,
            texts=_at_clock_change(rule, start, contract.tables[table].date),
        )  # fmt: skip


def _at_clock_change(rule: str, start: str, date: str) -> Callable[[Row, Place], dict[str, str]]:
    def texts(row: Row, place: Place) -> dict[str, str]:
        local = clock_change(place.clinic.time_zone, rule)
        if local is None:
            return {}
        written = {}
        for name, when in ((start, local), ("end_utc", local + dt.timedelta(minutes=55))):
            found = place.column_of(name)
            if found is None:
                continue
            if found[1].time_of:
                written[name] = time_text(place.clinic, when)
            else:
                written[name] = f"{date_text(place.clinic, when)} {time_text(place.clinic, when)}"
        own_date = place.column_of(date)
        if own_date is not None and own_date[1].field == date:
            written[date] = date_text(place.clinic, local)
        return written if start in written else {}

    return texts


def clock_change(time_zone: str, rule: str) -> dt.datetime | None:
    """A wall-clock time that the study's first year skips, or shows twice, in this zone."""
    zone = ZoneInfo(time_zone)
    first = dt.datetime.combine(FIRST_DATE, dt.time(0, 30))
    for half_hour in range(48 * 245):
        local = first + dt.timedelta(minutes=30 * half_hour)
        early, late = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
        if early == late:
            continue
        # Where the clock goes forward, the offset before the change is the smaller one.
        if (early < late) == (rule == clock.NONEXISTENT):
            return local.replace(minute=30)
    return None


def date_text(clinic: Clinic, when: dt.datetime) -> str:
    """The date as the clinic writes it."""
    shape = clinic.dates
    for part, directive in _DATE_PARTS.items():
        shape = shape.replace(part, directive)
    return when.strftime(shape)


def time_text(clinic: Clinic, when: dt.datetime) -> str:
    """The clock time as the clinic writes it."""
    if clinic.times == "h:mm AM/PM":
        return f"{when.hour % 12 or 12}:{when:%M} {'AM' if when.hour < 12 else 'PM'}"
    return when.strftime({"HH:MM": "%H:%M", "HH:MM:SS": "%H:%M:%S", "HH.MM": "%H.%M"}[clinic.times])
