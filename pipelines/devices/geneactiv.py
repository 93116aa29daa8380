"""GENEActiv `.bin` files: pages of 300 samples in hex, decoded about an hour at a time.

The device's clock was set to the wall clock of the computer that configured it and never changes
with the season, so times are local. A page whose text or samples cannot be read is left out and
named; everything else is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.devices.format import Format
from pipelines.devices.geneactiv_header import MAX_HEADER, Header, read_header
from pipelines.devices.geneactiv_pages import MAX_PAGE, PER_PAGE, Pages, decode, find_pages
from pipelines.errors import DeliveryRefused

MAX_BYTES = 8 << 30  # ten weeks at 100 Hz
_SPAN_PAGES = (12, 3600)
_PAGE_BYTES = 3900  # a little more than a page has, so that a span is about an hour
_LEAST_BYTES = 3600
_HOPELESS_BYTES = 64 << 20  # without a readable page so far, there is none
_SLACK_SAMPLES = 1.5  # page times lie on a grid of 0.5 s and so do whole pages
_GAP_US = 1_000_000
_SATURATED, _RATE_OFF = 0.001, 0.02
_ENOUGH_PAGES = 8  # to measure the length of a page


def recognise(head: bytes) -> bool:
    """Whether the first bytes are the header of a GENEActiv file."""
    return head.startswith(b"Device Identity") and b"Device Type:GENEActiv" in head


def read(path: Path, *, date_order: str | None = None) -> SignalFile:
    """The recording; its header is read at once, its pages when `chunks()` asks for them.

    Findings are numbered by page. Less than a sample and a half between two pages is no break.
    """
    n_bytes = path.stat().st_size
    if not 0 < n_bytes <= MAX_BYTES:
        raise DeliveryRefused(
            "too_large" if n_bytes else "empty",
            f"the file has {n_bytes} bytes, a recording has 1 to {MAX_BYTES}",
            where=path.name,
            remedy="extract the recording again and send it as one file",
        )
    with path.open("rb") as file:
        header = read_header(file.read(MAX_HEADER), path.name)
    if not any(len(chunk.acc_g) for chunk in _chunks(path, header, _HOPELESS_BYTES)):
        raise DeliveryRefused(
            "truncated",
            "no page of samples can be read",
            where=path.name,
            remedy="extract the recording again from the device with its own software",
        )
    return SignalFile(
        maker="activinsights",
        model=header.model,
        device_serial=header.device_serial,
        rate_hz=header.rate_hz,
        range_g=header.range_g,
        is_utc=False,
        chunks=partial(_chunks, path, header),
        clock_offset_s=header.clock_offset_s,
        placement=header.placement,
    )


@dataclass(frozen=True)
class _Before:
    """The page before the ones at hand: what decides whether they go on from it."""

    n_pages: int = 0  # pages met, readable or not
    sequence: int = -1
    time_us: int = -1
    step_us: float = 0.0  # length of a page, as measured last
    n_lost: int = 0  # unreadable pages since
    is_garbage: bool = False  # bytes that belong to no page were met since


def _chunks(path: Path, header: Header, most_bytes: int = MAX_BYTES) -> Iterator[SignalChunk]:
    span = round(3600 * header.rate_hz / PER_PAGE)
    span = min(max(span, _SPAN_PAGES[0]), _SPAN_PAGES[1])
    data = np.empty(span * _PAGE_BYTES + 2 * MAX_PAGE, np.uint8)
    before = _Before(step_us=PER_PAGE * 1e6 / header.rate_hz)
    held, is_end = 0, False
    with path.open("rb", buffering=0) as file:
        file.seek(header.n_bytes)
        while not is_end and file.tell() < most_bytes:
            n_bytes = held + file.readinto(memoryview(data)[held:])
            is_end = n_bytes < len(data)
            block = data[:n_bytes]
            pages = find_pages(block, is_end, before.is_garbage)
            end, is_garbage = pages.end, pages.garbage_at_end
            if not is_end and len(pages) > 1:  # the last one waits for its neighbour
                end, is_garbage = int(pages.starts[-1]), bool(pages.after_garbage[-1])
                pages = _first(pages, len(pages) - 1)
            parts, before = _span(block, pages, header, before, is_end)
            before = replace(before, is_garbage=is_garbage)
            yield from parts
            held = n_bytes - end
            data[:held] = block[end:].copy()


def _first(pages: Pages, n: int) -> Pages:
    names = ("hex_at", "n_samples", "sequence", "time_us", "temperature_c", "after_garbage")
    return replace(
        pages,
        starts=pages.starts[:n],
        garbage_at_end=False,
        **{name: getattr(pages, name)[:n] for name in names},
    )


def _span(
    data: np.ndarray, pages: Pages, header: Header, before: _Before, is_end: bool
) -> tuple[list[SignalChunk], _Before]:
    """The chunks of the pages at hand, and what the next ones follow."""
    number = before.n_pages + 1 + np.arange(len(pages))
    after = number[pages.after_garbage][: len(data) // _LEAST_BYTES + 1]
    findings = [(int(n), "bad_block") for n in after]
    usable = (pages.sequence >= 0) & (pages.time_us >= 0) & (pages.hex_at >= 0)
    whole = pages.n_samples == PER_PAGE
    n_listed = len(pages)  # pages that are named as bad where they are
    if is_end:
        is_cut = len(pages) > 0 and not whole[-1]
        whole[-1:] |= pages.n_samples[-1:] > 0  # bytes are lost behind the samples, not before
        n_listed -= is_cut
        findings += _end(pages, header, before, is_cut)
    usable &= whole
    chosen = np.flatnonzero(usable)
    acc, is_hex, at_limit = decode(
        data, pages.hex_at[chosen], pages.n_samples[chosen], header.scale, header.shift
    )
    step_us = _step_us(pages, chosen[is_hex], header.rate_hz) or before.step_us
    good = is_hex & ~_wrong_times(pages, chosen, is_hex, step_us, header.rate_hz)
    usable[chosen] = good
    bad = number[:n_listed][~usable[:n_listed]]
    # a mark again and again is no page each: never more of them than there is room for pages
    findings += [(int(n), "bad_block") for n in bad[: len(data) // _LEAST_BYTES + 1]]
    kept = np.flatnonzero(usable)
    if len(kept) < len(chosen):
        acc = acc[np.repeat(good, pages.n_samples[chosen])]
        at_limit = at_limit[good]
    n_new = before.n_pages + len(pages)
    if not len(kept):
        left = replace(before, n_pages=n_new, n_lost=before.n_lost + len(pages))
        return ([_nothing(findings)] if findings else []), left
    breaks, more = _breaks(pages, kept, number, before, step_us, header.rate_hz)
    findings += more
    if abs(PER_PAGE * 1e6 / step_us / header.rate_hz - 1) > _RATE_OFF:
        findings.append((int(number[kept[0]]), "rate_off_nominal"))
    chunks = _cut(pages, kept, acc, breaks, step_us)
    limits = np.add.reduceat(at_limit, breaks)
    for chunk, first, n_limit in zip(chunks, breaks, limits, strict=True):
        if n_limit >= max(_SATURATED * len(chunk.acc_g), 1):
            findings.append((int(number[kept[first]]), "saturated"))
    after = _Before(
        n_pages=n_new,
        sequence=int(pages.sequence[kept[-1]]),
        time_us=int(pages.time_us[kept[-1]]),
        step_us=step_us,
        n_lost=len(pages) - 1 - int(kept[-1]),
    )
    firsts = number[kept[breaks]].tolist()
    return _with_findings(chunks, firsts, sorted(set(findings))), after


def _end(pages: Pages, header: Header, before: _Before, is_cut: bool) -> list[tuple[int, str]]:
    """What is wrong with the end of the file: pages announced and not there, bytes that are no page."""
    n_met = before.n_pages + len(pages)
    reached = max([before.sequence, *pages.sequence[-1:].tolist()]) + 1
    if is_cut or max(n_met, reached) < (header.n_pages or 0):
        return [(n_met, "truncated_end")]
    return [(n_met, "trailing_bytes")] if pages.garbage_at_end else []


def _step_us(pages: Pages, kept: np.ndarray, rate_hz: float) -> float | None:
    """The length of a page as its clock has it, where enough pages follow each other."""
    steps = np.diff(pages.time_us[kept])[np.diff(pages.sequence[kept]) == 1]
    if len(steps) < _ENOUGH_PAGES:
        return None
    step = float(np.median(steps))
    return step if 0.5 < step * rate_hz / (PER_PAGE * 1e6) < 2 else None


def _wrong_times(
    pages: Pages, chosen: np.ndarray, is_hex: np.ndarray, step_us: float, rate_hz: float
) -> np.ndarray:
    """Pages whose time fits neither neighbour, while the two neighbours fit each other."""
    wrong = np.zeros(len(chosen), np.bool_)
    if len(chosen) < 3:
        return wrong
    slack = _SLACK_SAMPLES * 1e6 / rate_hz
    time = pages.time_us[chosen]
    in_row = (
        (np.diff(chosen) == 1) & is_hex[1:] & is_hex[:-1] & (np.diff(pages.sequence[chosen]) == 1)
    )
    across = np.abs(time[2:] - time[:-2] - 2 * step_us) <= slack
    off = np.abs(time[1:-1] - time[:-2] - step_us) > slack
    wrong[1:-1] = in_row[1:] & in_row[:-1] & across & off
    return wrong


def _breaks(
    pages: Pages,
    kept: np.ndarray,
    number: np.ndarray,
    before: _Before,
    step_us: float,
    rate_hz: float,
) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """Which of the kept pages begin a chunk, and what happened before them."""
    is_first = before.time_us < 0
    sequence = np.concatenate(([before.sequence], pages.sequence[kept]))
    time = np.concatenate(([before.time_us], pages.time_us[kept]))
    lost = np.diff(kept, prepend=-1) - 1
    lost[0] += before.n_lost
    late = np.diff(time) - step_us
    ahead = np.diff(sequence)
    slack = _SLACK_SAMPLES * 1e6 / rate_hz
    missing = ahead > 1 + lost
    back = late < -slack
    gap = ~missing & (late - lost * step_us > _GAP_US)
    new = back | (late > slack) | (lost > 0)
    if is_first:
        missing[0], back[0], gap[0] = sequence[1] > lost[0], False, False
    new[0] = True
    findings = [
        (int(number[kept[i]]), rule)
        for rule, where in (("missing_block", missing), ("clock_jump", back), ("gap", gap))
        for i in np.flatnonzero(where)
    ]
    return np.flatnonzero(new), findings


def _cut(
    pages: Pages, kept: np.ndarray, acc: np.ndarray, breaks: np.ndarray, step_us: float
) -> list[SignalChunk]:
    """One chunk per break; a knot at the first sample of each page, and one at the last sample."""
    n = pages.n_samples[kept]
    offsets = np.concatenate(([0], np.cumsum(n)))
    chunks = []
    for first, stop in zip(breaks, [*breaks[1:], len(kept)], strict=True):
        start, end = offsets[first], offsets[stop]
        time, heat = pages.time_us[kept[first:stop]], pages.temperature_c[kept[first:stop]]
        index = offsets[first:stop] - start
        if n[stop - 1] > 1:
            index = np.append(index, end - start - 1)
            time = np.append(time, time[-1] + round((n[stop - 1] - 1) * step_us / PER_PAGE))
            heat = np.append(heat, heat[-1])
        chunks.append(SignalChunk(index, time, acc[start:end], temperature_c=heat))
    return chunks


def _with_findings(
    chunks: list[SignalChunk], firsts: list[int], findings: list[tuple[int, str]]
) -> list[SignalChunk]:
    """Each finding goes with the chunk in which its page lies, or with the first one after it."""
    at = np.searchsorted(firsts, [page for page, _ in findings], side="right") - 1
    at = np.maximum(at, 0)
    return [
        replace(
            chunk, findings=tuple(f for f, place in zip(findings, at, strict=True) if place == i)
        )
        for i, chunk in enumerate(chunks)
    ]


def _nothing(findings: list[tuple[int, str]]) -> SignalChunk:
    none = np.empty(0, np.int64)
    return SignalChunk(none, none, np.empty((0, 3), np.float32), findings=tuple(findings))


FORMAT = Format(name="geneactiv", makers=("Activinsights",), recognise=recognise, read=read)
