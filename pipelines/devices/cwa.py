"""Axivity `.cwa` files (AX3 and AX6): blocks of 512 bytes, decoded about an hour at a time.

The device's clock was set to the wall clock of the computer that configured it and never changes
with the season, so times are local. Every block says when one of its samples was taken; between two
of these time is linear. A block whose checksum, content or session is wrong is left out and named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np

from pipelines.contracts.shapes import SignalChunk, SignalFile
from pipelines.devices.cwa_blocks import (
    BAD,
    BLOCK,
    TRAILING,
    TRUNCATED,
    find_blocks,
    no_junk,
    unpack,
)
from pipelines.devices.cwa_headers import HEADER, HEADER_MARK, Heads, read_device, read_heads
from pipelines.devices.cwa_times import is_time_wrong, knots, slack_us, slowness_of, steps
from pipelines.devices.format import Format
from pipelines.errors import DeliveryRefused

MAX_BYTES = 8 << 30  # months at 100 Hz; the devices hold 512 MB to 1 GB
_SPAN_BLOCKS = (16, 16_000)
_HOPELESS_BYTES = 64 << 20  # without a readable block so far, there is none
_GAP_US = 1_000_000
_SATURATED, _RATE_OFF = 0.001, 0.02
_FAULTS = {BAD: "bad_block", TRAILING: "trailing_bytes", TRUNCATED: "truncated_end"}
Findings = list[tuple[int, str]]


def recognise(head: bytes) -> bool:
    """Whether the first bytes are the header of a CWA file."""
    return head.startswith(HEADER_MARK)


def read(path: Path, *, date_order: str | None = None) -> SignalFile:
    """The recording; the header and a first block are read at once, the rest by `chunks()`.

    Findings are numbered by block, the first one after the header being 1.
    """
    n_bytes = path.stat().st_size
    if not 0 < n_bytes <= MAX_BYTES:
        raise DeliveryRefused(
            "too_large" if n_bytes else "empty",
            f"the file has {n_bytes} bytes, a recording has 1 to {MAX_BYTES}",
            where=path.name,
            remedy="download the recording again and send it as one file",
        )
    with path.open("rb") as file:
        device = read_device(file.read(HEADER), path.name)
    first = _first(path)
    number = device.number or int(first.device_number[0])
    return SignalFile(
        maker="axivity",
        model=device.model,
        device_serial=str(number) if number else None,
        rate_hz=float(first.rate_hz[0]),
        range_g=float(first.range_g[0]),
        is_utc=False,
        chunks=partial(_chunks, path, first),
        placement=device.placement,
    )


@dataclass(frozen=True)
class _Stretch:
    """Bytes of the file read at a time, and the blocks that lie in them."""

    data: np.ndarray
    heads: Heads
    findings: Findings
    place: int  # of the first byte, from the end of the header


def _stretches(path: Path, size: int, most_bytes: int = MAX_BYTES) -> Iterator[_Stretch]:
    data = np.empty(size, np.uint8)
    held, place, junk, is_end = 0, 0, no_junk(), False
    with path.open("rb", buffering=0) as file:
        file.seek(HEADER)
        while not is_end and place < most_bytes:
            n_bytes = held + file.readinto(memoryview(data)[held:])
            is_end = n_bytes < size
            stretch = data[:n_bytes]
            found = find_blocks(stretch, is_end, junk)
            junk = found.junk
            findings = [(_number(place + at), _FAULTS[kind]) for at, kind in found.faults.tolist()]
            yield _Stretch(stretch, read_heads(stretch, found.at), findings, place)
            held = n_bytes - found.end
            place += found.end
            data[:held] = stretch[found.end :].copy()


def _number(place: int) -> int:
    return place // BLOCK + 1


def _first(path: Path) -> Heads:
    """The first block that can be read."""
    for stretch in _stretches(path, 1 << 20, _HOPELESS_BYTES):
        readable = np.flatnonzero(stretch.heads.is_readable)
        if len(readable):
            return stretch.heads.only(readable[:1])
    raise DeliveryRefused(
        "truncated",
        "no block of samples can be read",
        where=path.name,
        remedy="download the recording again from the device with its own software",
    )


@dataclass(frozen=True)
class _Before:
    """The block before the ones at hand: what decides whether they go on from it."""

    head: Heads | None = None
    place: int = 0
    slowness: float = 1.0  # measured time between samples over the nominal one


def _chunks(path: Path, first: Heads) -> Iterator[SignalChunk]:
    n_blocks = round(3600 * first.rate_hz[0] / max(first.n_samples[0], 1))
    n_blocks = min(max(n_blocks, _SPAN_BLOCKS[0]), _SPAN_BLOCKS[1])
    before = _Before()
    for stretch in _stretches(path, (n_blocks + 2) * BLOCK):
        parts, before = _span(stretch, int(first.session[0]), before)
        yield from parts


def _span(stretch: _Stretch, session: int, before: _Before) -> tuple[list[SignalChunk], _Before]:
    """The chunks of the blocks at hand, and what the next ones follow."""
    heads, findings = stretch.heads, stretch.findings
    # another session is left over from another recording
    is_good = heads.is_readable & (heads.session == session)
    good = np.flatnonzero(is_good)
    is_good[good[_is_repeated(heads.only(good), before)]] = False
    good = np.flatnonzero(is_good)
    slowness = slowness_of(heads.only(good)) or before.slowness
    is_good[good[is_time_wrong(heads.only(good), slowness)]] = False
    findings += [(_number(stretch.place + at), "bad_block") for at in heads.at[~is_good].tolist()]
    heads = heads.only(np.flatnonzero(is_good))
    if not len(heads):
        return ([_nothing(sorted(findings))] if findings else []), before
    numbers = _number(stretch.place + heads.at)
    breaks, more = _breaks(heads, numbers, stretch.place, before, slowness)
    findings += more
    if abs(slowness - 1) > _RATE_OFF:
        findings.append((int(numbers[0]), "rate_off_nominal"))
    acc, gyro, at_limit = unpack(
        stretch.data, heads.at, heads.n_samples, heads.n_axes, heads.is_packed,
        heads.acc_unit, heads.gyro_unit, heads.limit,
    )  # fmt: skip
    starts = np.concatenate(([0], np.cumsum(heads.n_samples)))
    chunks = []
    goes_on = 0 not in breaks
    edges = [0, *breaks] if goes_on else breaks
    for begin, stop in zip(edges, [*edges[1:], len(heads)], strict=True):
        rows = slice(starts[begin], starts[stop])
        known = before.head if goes_on and begin == 0 else None
        index, us, heat = knots(heads.only(slice(begin, stop)), known, slowness)
        has_gyro = gyro is not None and heads.n_axes[begin] > 3
        chunks.append(SignalChunk(index, us, acc[rows], gyro[rows] if has_gyro else None, heat))
        if at_limit[begin:stop].sum() >= max(_SATURATED * len(acc[rows]), 1):
            findings.append((int(numbers[begin]), "saturated"))
    after = _Before(heads.only(slice(-1, None)), stretch.place + int(heads.at[-1]), slowness)
    return _with_findings(chunks, numbers[np.array(edges)], sorted(set(findings))), after


def _is_repeated(heads: Heads, before: _Before) -> np.ndarray:
    """Blocks that are the one before them once more."""
    names = ("sequence", "time_us", "anchor")
    known = before.head
    same = np.ones(len(heads), np.bool_)
    for name in names:
        values = getattr(heads, name)
        same &= (
            np.diff(values, prepend=values[:1] - 1 if known is None else getattr(known, name)) == 0
        )
    if known is None:
        same[:1] = False
    return same


def _breaks(
    heads: Heads, numbers: np.ndarray, place: int, before: _Before, slowness: float
) -> tuple[np.ndarray, Findings]:
    """Which blocks begin a chunk because they do not go on from the one before, and what happened."""
    known = before.head
    both = _joined(known, heads) if known is not None else heads
    places = place + heads.at if known is None else np.append(before.place, place + heads.at)
    n, us, is_next = steps(both)
    lost = (np.diff(places) - 1) // BLOCK  # blocks that are there and could not be used
    period = slowness * 1e6 / both.rate_hz[:-1]
    late, slack = us - n * period, slack_us(period)
    ahead = np.diff(both.sequence)
    absent_us = np.maximum(ahead - 1, 0) * both.n_samples[:-1] * period
    missing = ahead > 1 + lost
    back = late < -slack
    gap = late - absent_us > _GAP_US
    new = ~is_next | (np.abs(late) > slack) | (n <= 0) | (us <= 0)
    at = np.arange(len(heads)) if known is not None else np.arange(1, len(heads))
    findings = [
        (int(numbers[at[i]]), rule)
        for rule, where in (("missing_block", missing), ("clock_jump", back), ("gap", gap))
        for i in np.flatnonzero(where)
    ]
    begins = at[new]
    if known is None:
        begins = np.append(0, begins)
        if heads.sequence[0] > _number(place + int(heads.at[0])) - 1:
            findings.append((int(numbers[0]), "missing_block"))
    return begins, findings


def _joined(one: Heads, two: Heads) -> Heads:
    return Heads(
        **{
            field.name: np.concatenate((getattr(one, field.name), getattr(two, field.name)))
            for field in fields(Heads)
        }
    )


def _with_findings(
    chunks: list[SignalChunk], firsts: np.ndarray, findings: Findings
) -> list[SignalChunk]:
    """Each finding goes with the chunk in which its block lies, or with the first one after it."""
    at = np.searchsorted(firsts, [number for number, _ in findings], side="right") - 1
    own: list[Findings] = [[] for _ in chunks]
    for place, finding in zip(np.maximum(at, 0).tolist(), findings, strict=True):
        own[place].append(finding)
    return [replace(chunk, findings=tuple(f)) for chunk, f in zip(chunks, own, strict=True)]


def _nothing(findings: Findings) -> SignalChunk:
    none = np.empty(0, np.int64)
    return SignalChunk(none, none, np.empty((0, 3), np.float32), findings=tuple(findings))


FORMAT = Format(name="cwa", makers=("Axivity",), recognise=recognise, read=read)
