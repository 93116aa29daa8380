"""Samples in lines of text joined to stretches without a gap; what breaks them is named."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
from numba import njit

from pipelines.contracts.shapes import SignalChunk
from pipelines.devices.csv_lines import LineStyle, read_lines
from pipelines.devices.spans import spans
from pipelines.errors import DeliveryRefused

CHUNK_S = 3600
MAX_BREAKS = 50_000
_BLOCK_BYTES = 8 << 20
_MAX_LINE = 4096
_SATURATED, _OF_RANGE = 0.001, 0.999
_US = 1_000_000
_RULES = ("", "clock_jump", "missing_block", "gap")
Findings = list[tuple[int, str]]


@dataclass(frozen=True)
class Layout:
    """Where samples begin, how a line is laid out, and which of its values are what."""

    begins_at: int
    first_line: int  # from 1
    style: LineStyle
    axes: list[int]
    gyro: list[int] | None
    start_us: int
    rate_hz: int
    tolerance_us: int  # of a time stamp
    range_g: float | None


@dataclass(frozen=True)
class _Samples:
    """The samples of one block, without what is no sample."""

    values: np.ndarray
    us: np.ndarray
    line_no: np.ndarray  # in the file, from 1
    broken: np.ndarray
    findings: Findings


def sample_chunks(path: Path, layout: Layout) -> Iterator[SignalChunk]:
    """The samples, at most an hour at a time, with what was lost in between.

    Refused only where no line is a sample, or where they break so often that it is no recording.
    """
    n_full = CHUNK_S * layout.rate_hz
    parts: list[tuple[_Samples, int, int]] = []
    findings: Findings = []
    n_open = n_breaks = n_chunks = 0
    for samples in _blocks(path, layout):
        findings = sorted(findings + samples.findings)
        n_breaks += len(samples.findings) + int(samples.broken.sum())
        if n_breaks > MAX_BREAKS:
            raise _refused("unreadable", f"they break more than {MAX_BREAKS} times", path.name)
        for begin, end, is_new in spans(samples.broken, n_open, n_full):
            if is_new and parts:
                yield _chunk(parts, layout, findings)
                n_chunks, n_open, parts = n_chunks + 1, 0, []
            parts.append((samples, begin, end))
            n_open += end - begin
    if parts:
        yield _chunk(parts, layout, findings)
        n_chunks += 1
    if not n_chunks:
        raise _refused("no_samples", "no line is a sample", path.name)
    if findings:
        none = np.zeros(0, np.int64)
        yield SignalChunk(none, none, np.zeros((0, 3), np.float32), findings=tuple(findings))


def _blocks(path: Path, layout: Layout) -> Iterator[_Samples]:
    """The samples block by block."""
    anchor = np.array(
        [layout.start_us, 0, 0], np.int64
    )  # time, its sample, whether it is a stamp's
    line_no, n_before, last, is_fill = layout.first_line, 0, -2, False
    held = b""
    for text, end in _whole_lines(path, layout.begins_at):
        data = np.frombuffer(held + text, np.uint8)
        lines = read_lines(data, layout.style)
        n = len(lines.is_good)
        is_zero = lines.is_good & ~lines.values[:, layout.axes].any(axis=1)
        fill, n_used = _fill(is_zero, layout.rate_hz, is_fill, end is not None)
        held = data[lines.starts[n_used] :].tobytes() if n_used < n else b""
        n_lines = int(lines.line_no[n_used]) if n_used < n else lines.n_lines
        number = n_before + np.arange(n_used)
        us, jumps = np.empty(n_used, np.int64), np.zeros(n_used, np.int64)
        good = lines.is_good[:n_used]
        if layout.style.has_stamp:
            _place(
                lines.us[:n_used],
                good,
                number,
                _US / layout.rate_hz,
                layout.tolerance_us,
                anchor,
                us,
                jumps,
            )
        else:
            us[:] = layout.start_us + np.round(number * (_US / layout.rate_hz))
        kept = np.flatnonzero(good & ~fill)
        broken = (np.diff(number[kept], prepend=last) != 1) | (jumps[kept] > 0)
        at = line_no + lines.line_no[:n_used]
        falls = np.flatnonzero(fill & ~np.append(is_fill, fill[:-1])[:n_used])
        jumped = np.flatnonzero((jumps > 0) & good)
        findings = [(int(at[i]), "bad_block") for i in np.flatnonzero(~good)]
        findings += [(int(at[i]), "gap") for i in falls]
        findings += [(int(at[i]), _RULES[jumps[i]]) for i in jumped]
        if n_used:
            is_fill = bool(fill[-1])
        last = int(number[kept[-1]]) if len(kept) else last
        line_no, n_before = line_no + n_lines, n_before + n_used
        if end:
            findings.append((line_no, end))
        yield _Samples(lines.values[kept], us[kept], at[kept], broken, findings)


def _whole_lines(path: Path, begins_at: int) -> Iterator[tuple[bytes, str | None]]:
    """The text in blocks of whole lines; with the last one what the end of the file is, "" if well.

    A line that never ends is shortened to one that is surely bad.
    """
    rest = b""
    with path.open("rb") as file:
        file.seek(begins_at)
        while block := file.read(_BLOCK_BYTES):
            text = rest + block
            cut = text.rfind(b"\n") + 1
            rest = text[cut:][: 2 * _MAX_LINE]
            if cut:
                yield text[:cut], None
    # a last line without its end may have lost digits
    yield b"", "truncated_end" if rest.strip(b"\0\r\t ") else "trailing_bytes" if rest else ""


def _fill(is_zero: np.ndarray, n_gap: int, goes_on: bool, is_end: bool) -> tuple[np.ndarray, int]:
    """Which lines of 0,0,0 stand for a gap, and how many lines can be judged.

    Zeros at the end that are too few yet are left for the block that follows.
    """
    edges = np.flatnonzero(np.diff(is_zero, prepend=False, append=False))
    begins, ends = edges[0::2], edges[1::2]
    is_gap = ends - begins >= n_gap
    if goes_on and len(begins) and begins[0] == 0:
        is_gap[0] = True
    n_used = len(is_zero)
    if len(ends) and ends[-1] == n_used and not is_gap[-1] and not is_end:
        n_used = int(begins[-1])
    fill = np.zeros(len(is_zero), np.bool_)
    for begin, end in zip(begins[is_gap], ends[is_gap], strict=True):
        fill[begin:end] = True
    return fill[:n_used], n_used


@njit(cache=True, nogil=True)
def _place(stamps, good, number, period_us, tolerance_us, anchor, us, jumps):
    """The times of samples on the grid that their stamps, rounded as they are, keep to."""
    for i in range(len(stamps)):
        if not good[i]:
            us[i] = 0
            continue
        expected = anchor[0] + (number[i] - anchor[1]) * period_us
        off = stamps[i] - expected
        if anchor[2] == 0 or abs(off) > tolerance_us:
            if anchor[2] == 1:
                jumps[i] = 1 if off < 0 else 3 if off > 1_000_000 else 2
            anchor[0], anchor[1], anchor[2] = stamps[i], number[i], 1
            expected = np.float64(stamps[i])
        us[i] = np.int64(np.round(expected))


def _chunk(
    parts: list[tuple[_Samples, int, int]], layout: Layout, findings: Findings
) -> SignalChunk:
    """One chunk of samples; takes the findings up to its last line out of `findings`."""
    values = np.concatenate([samples.values[begin:end] for samples, begin, end in parts])
    first, begin, _ = parts[0]
    last, _, end = parts[-1]
    n_own = bisect_right(findings, last.line_no[end - 1], key=itemgetter(0))
    own = findings[:n_own]
    del findings[:n_own]
    acc = np.ascontiguousarray(values[:, layout.axes])
    if layout.range_g is not None:
        limited = (np.abs(acc) >= _OF_RANGE * layout.range_g).any(axis=1)
        if limited.sum() >= _SATURATED * len(acc):
            own.append((int(first.line_no[begin]), "saturated"))
    ends = [0] if len(acc) == 1 else [0, len(acc) - 1]
    times = [first.us[begin], last.us[end - 1]][: len(ends)]
    return SignalChunk(
        knot_index=np.array(ends),
        knot_us=np.array(times),
        acc_g=acc,
        gyro_dps=np.ascontiguousarray(values[:, layout.gyro]) if layout.gyro else None,
        findings=tuple(sorted(own)),
    )


def _refused(reason: str, what: str, where: str) -> DeliveryRefused:
    return DeliveryRefused(
        reason,
        f"the samples cannot be used: {what}",
        where=where,
        remedy="export the raw data again, or better send the file that the device wrote",
    )
