"""Seconds of a GT3X log joined to stretches without a gap; what breaks them is named."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from pipelines.contracts.shapes import SignalChunk
from pipelines.devices.gt3x_records import (
    ACTIVITY,
    ACTIVITY2,
    CUT,
    DAMAGED,
    EVENT,
    TRAILING,
    Records,
    decode,
    find_records,
    fresh_state,
    n_samples_of,
)
from pipelines.devices.gt3x_setup import MAX_RATE_HZ, MIN_RATE_HZ, Setup
from pipelines.devices.spans import spans
from pipelines.devices.zip_members import Piece
from pipelines.errors import DeliveryRefused

CHUNK_S = 3600
_SATURATED = 0.001
_OFF_NOMINAL = 0.02
_SLEEP, _WAKE = 8, 9  # payload of the EVENT that begins and ends idle sleep mode
# the most gapped real recording known, thirty days of idle sleep mode, has 15,000 gaps
MAX_BREAKS = 50_000
_STRETCHES = {DAMAGED: "bad_block", TRAILING: "trailing_bytes", CUT: "truncated_end"}
_ENDS = {"cut": "truncated_end", "longer": "trailing_bytes", "bad_checksum": "bad_block"}
_RULES = ("", "clock_jump", "sleep_gap", "gap")
_CLOCK_JUMP, _SLEEP_GAP, _GAP = 1, 2, 3
Findings = list[tuple[int, str]]


@dataclass(frozen=True)
class _Seconds:
    """Seconds of activity of one stretch of the log, and where their row of seconds breaks."""

    records: Records
    n_samples: np.ndarray
    broken: np.ndarray  # before it: samples do not follow on
    findings: Findings
    last: np.ndarray  # second, samples, seconds asleep or not, damaged bytes since; carried on


@dataclass(frozen=True)
class _Part:
    """Decoded seconds in a row."""

    acc_g: np.ndarray
    second: np.ndarray
    n_samples: np.ndarray
    number: np.ndarray
    n_at_limit: int


def log_chunks(
    pieces: Iterable[Piece], setup: Setup, per_s: int, where: str
) -> Iterator[SignalChunk]:
    """The samples of a log, at most an hour at a time, with what was lost in between.

    `per_s` is how many samples a second has. Refused only where there is no sample at all, or where
    the log breaks so often that it is no recording.
    """
    state = fresh_state()
    last = np.zeros(4, np.int64)
    rest = np.zeros(0, np.uint8)
    parts: list[_Part] = []
    findings: Findings = []
    n_breaks = n_chunks = number = 0
    damaged, end = False, None
    off_nominal = abs(per_s - setup.rate_hz) > _OFF_NOMINAL * setup.rate_hz
    for piece in pieces:
        data = np.concatenate((rest, np.frombuffer(piece.data, np.uint8)))
        records, used = find_records(data, piece.end is not None, state)
        rest = data[used:]
        seconds = _seconds(data, records, last, per_s)
        last = seconds.last
        if off_nominal and len(seconds.records):
            findings.append((int(seconds.records.number[0]), "rate_off_nominal"))
            off_nominal = False
        n_breaks += int(seconds.broken.sum()) + len(seconds.findings)
        if n_breaks > MAX_BREAKS:
            raise DeliveryRefused(
                "unreadable",
                f"the log breaks more than {MAX_BREAKS} times, so it is no recording",
                where=f"{where}, log.bin",
                remedy="download the recording again from the device",
            )
        findings = sorted(findings + seconds.findings)
        n_open = sum(len(part.second) for part in parts)
        for begin, stop, is_new in spans(seconds.broken, n_open, CHUNK_S):
            if is_new and parts:
                yield _chunk(parts, findings, per_s)
                n_chunks, parts = n_chunks + 1, []
            parts.append(_part(data, seconds, begin, stop, setup))
        number, end = int(state[3]), piece.end
        damaged |= any(rule == "bad_block" for _, rule in seconds.findings)
    at_end = (number, _ENDS.get(end, ""))
    # a record's own checksum, where it failed, has named the place already
    if at_end[1] and at_end not in findings and not (end == "bad_checksum" and damaged):
        findings.append(at_end)
    if parts:
        yield _chunk(parts, findings, per_s)
        n_chunks += 1
    if not n_chunks:
        raise no_samples(where, is_cut=end == "cut")
    if last[2]:  # asleep until the end
        findings.append((number, "sleep_gap"))
    if findings:
        yield SignalChunk(
            np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3), np.float32),
            findings=tuple(findings),
        )  # fmt: skip


def usual_per_s(records: Records) -> int | None:
    """How many samples most seconds have; None where no second has as many as any device takes."""
    is_activity = np.isin(records.kind, (ACTIVITY, ACTIVITY2))
    n_samples = n_samples_of(records.kind[is_activity], records.n_bytes[is_activity])
    likely = n_samples[(n_samples >= MIN_RATE_HZ) & (n_samples <= MAX_RATE_HZ)]
    return int(np.bincount(likely).argmax()) if len(likely) else None


def _seconds(data: np.ndarray, records: Records, last: np.ndarray, per_s: int) -> _Seconds:
    """The seconds among `records`; `last` is what the stretch before has left."""
    n_samples = n_samples_of(records.kind, records.n_bytes)
    is_activity = np.isin(records.kind, (ACTIVITY, ACTIVITY2)) & (records.n_bytes > 1)
    # a second with less than half of its samples, or half as many again, is none
    is_wrong = is_activity & ((2 * n_samples < per_s) | (2 * n_samples > 3 * per_s))
    is_stretch = (records.kind > 255) | is_wrong
    is_event = (records.kind == EVENT) & (records.n_bytes == 1)
    is_event[is_event] = np.isin(data[records.at[is_event]], (_SLEEP, _WAKE))
    findings = [
        (int(number), _STRETCHES.get(int(kind), "bad_block"))
        for number, kind in zip(records.number[is_stretch], records.kind[is_stretch], strict=True)
    ]
    good = np.flatnonzero(is_activity & ~is_wrong)
    asleep = np.cumsum(is_event)
    damaged = np.cumsum(np.where(is_stretch, records.n_bytes, 0))
    tail_asleep = asleep[-1] if len(asleep) else 0
    tail_damaged = damaged[-1] if len(damaged) else 0
    kept = Records(*(getattr(records, name)[good] for name in Records.__dataclass_fields__))
    n_kept = n_samples[good]
    if not len(good):
        left = np.array([last[0], last[1], last[2] + tail_asleep, last[3] + tail_damaged])
        return _Seconds(kept, n_kept, np.zeros(0, bool), findings, left)
    has_last = last[1] > 0
    step = np.diff(kept.second, prepend=last[0] if has_last else kept.second[0] - 1)
    n_before = np.concatenate((last[1:2] if has_last else n_kept[:1], n_kept[:-1]))
    slept = np.diff(asleep[good], prepend=-last[2]) > 0
    lost_bytes = np.diff(damaged[good], prepend=-last[3])
    bytes_per_s = np.maximum(kept.n_bytes + 9, 1)
    explained = (lost_bytes > 0) & (step - 1 <= lost_bytes // bytes_per_s + 2)
    reason = np.where(step <= 0, _CLOCK_JUMP, 0)
    reason = np.where(step > 1, np.where(slept, _SLEEP_GAP, np.where(explained, 0, _GAP)), reason)
    reason[0] *= has_last  # nothing was lost before the first second
    findings += [(int(kept.number[i]), _RULES[reason[i]]) for i in np.flatnonzero(reason)]
    off = np.flatnonzero(np.abs(n_kept - per_s) > _OFF_NOMINAL * per_s)
    findings += [(int(kept.number[i]), "rate_off_nominal") for i in off]
    broken = (step != 1) | (n_before < (1 - _OFF_NOMINAL) * per_s)
    broken[0] |= not has_last
    left = np.array([
        kept.second[-1],
        n_kept[-1],
        tail_asleep - asleep[good[-1]],
        tail_damaged - damaged[good[-1]],
    ])  # fmt: skip
    return _Seconds(kept, n_kept, broken, findings, left)


def _part(data: np.ndarray, seconds: _Seconds, begin: int, end: int, setup: Setup) -> _Part:
    span = slice(begin, end)
    taken = Records(
        *(getattr(seconds.records, name)[span] for name in Records.__dataclass_fields__)
    )
    n_samples = seconds.n_samples[span]
    acc, n_at_limit = decode(data, taken, n_samples, setup.columns, setup.gains, setup.limit)
    return _Part(acc, taken.second, n_samples, taken.number, n_at_limit)


def _chunk(parts: list[_Part], findings: Findings, per_s: int) -> SignalChunk:
    """One chunk of what is decoded; takes the findings up to its last record out of `findings`."""
    acc = parts[0].acc_g if len(parts) == 1 else np.concatenate([part.acc_g for part in parts])
    second = np.concatenate([part.second for part in parts])
    n_samples = np.concatenate([part.n_samples for part in parts])
    first, last = int(parts[0].number[0]), int(parts[-1].number[-1])
    n_own = bisect_right(findings, last, key=itemgetter(0))
    own = findings[:n_own]
    del findings[:n_own]
    if sum(part.n_at_limit for part in parts) >= _SATURATED * len(acc):
        own.append((first, "saturated"))
    # a knot wherever the seconds begin to have another number of samples, and at both ends
    index = np.cumsum(n_samples) - n_samples
    turns = np.flatnonzero(np.diff(n_samples, prepend=-1))
    n_last = int(n_samples[-1])
    ends_early = n_last < (1 - _OFF_NOMINAL) * per_s
    spacing_us = 1_000_000 / (per_s if ends_early else n_last)
    knot_index = index[turns]
    knot_us = second[turns] * 1_000_000
    n_after = len(acc) - 1 - int(index[-1])
    if len(acc) - 1 > knot_index[-1]:
        knot_index = np.append(knot_index, len(acc) - 1)
        knot_us = np.append(knot_us, round(int(second[-1]) * 1_000_000 + n_after * spacing_us))
    return SignalChunk(knot_index, knot_us, acc, findings=tuple(sorted(own)))


def no_samples(where: str, is_cut: bool) -> DeliveryRefused:
    """The refusal of an archive without a sample: it was cut, or never had any."""
    return DeliveryRefused(
        "truncated" if is_cut else "no_samples",
        "the archive ends before the first sample" if is_cut else "it has no raw samples",
        where=where,
        remedy="download the recording again; raw samples must be kept when the device is set up",
    )
