"""Mutations of files for the fuzz test: bits, blocks, lengths, words and splices of two formats.

Checksums are mended in most mutated files, because a reader would stop at them otherwise, and
archives are mutated inside as well as outside.
"""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np

from pipelines.synthetic.fit_bytes import fit_file

EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
            0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF]  # fmt: skip
WORDS = [b"", b"0", b"-1", b"9" * 40, b"1e999", b"NaN", b"-Infinity", b"null", b'"', b",", b"\n",
         b"\0", b"\r", b"[", b"{}", b"\xe2\x80\xae", b"\xff\xfe", b"\xef\xbb\xbf", b"0000-00-00", b"0000-03-02", b"-026-03-02",
         b"9999-12-31", b"24:00:00", "\u0663".encode(), b"<", b"&#0;", b";"]  # fmt: skip


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """`data` after one to four mutations, sometimes inside of an archive, sometimes with sums mended."""
    if data.startswith(b"PK") and rng.random() < 0.7:
        return in_archive(data, other, rng)
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        MUTATIONS[rng.integers(len(MUTATIONS))](out, other, rng)
        if not out:
            break
    return mended(bytes(out)) if rng.random() < 0.8 else bytes(out)


def in_archive(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    one = sorted(members)[rng.integers(len(members))]
    members[one] = mutated(members[one], other, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def mended(data: bytes) -> bytes:
    """`data` with the checksums that would otherwise end every mutation made good again."""
    if data[8:12] == b".FIT" and len(data) > 16:
        return fit_file(data[14:-2])
    out = bytearray(data)
    if data[:2] == b"\x1e\x06" or data[:2] == b"\x1e\x15":  # records of a GT3X log
        at = 0
        while at + 9 <= len(out) and out[at] == 0x1E:
            end = at + 8 + int.from_bytes(out[at + 6 : at + 8], "little")
            if end < len(out):
                out[end] = 0xFF ^ int(np.bitwise_xor.reduce(np.frombuffer(out[at:end], np.uint8)))
            at = end + 1
    for at in range(0, len(out) - 511, 512):  # blocks of a CWA file
        if out[at : at + 2] == b"AX":
            words = np.frombuffer(out[at : at + 510], "<u2").sum(dtype=np.int64)
            out[at + 510 : at + 512] = int(-words & 0xFFFF).to_bytes(2, "little")
    return bytes(out)


def span(out: bytearray, rng: np.random.Generator) -> slice:
    at = int(rng.integers(len(out) + 1))
    return slice(at, at + int(rng.integers(1, rng.choice([3, 40, 600]))))


def flip_bits(out, other, rng):
    for at in rng.integers(0, len(out), rng.integers(1, 20)):
        out[at] ^= 1 << rng.integers(8)


def insert(out, other, rng):
    at = int(rng.integers(len(out) + 1))
    out[at:at] = rng.bytes(int(rng.integers(1, 60)))


def delete(out, other, rng):
    del out[span(out, rng)]


def cut_end(out, other, rng):
    del out[int(rng.integers(len(out) + 1)) :]


def swap_blocks(out, other, rng):
    size = int(rng.choice([1, 16, 64, 512]))
    a, b = (int(i) * size for i in rng.integers(0, len(out) // size + 1, 2))
    first, second = bytes(out[a : a + size]), bytes(out[b : b + size])
    if len(first) == len(second):
        out[a : a + size], out[b : b + size] = second, first


def repeat_block(out, other, rng):
    block = out[span(out, rng)]
    at = int(rng.integers(len(out) + 1))
    out[at:at] = bytes(block) * int(rng.integers(1, 5))


def blank_block(out, other, rng):
    where = span(out, rng)
    out[where] = bytes([int(rng.choice([0, 0xFF, 0x20]))]) * len(out[where])


def extreme_number(out, other, rng):
    size = int(rng.choice([1, 2, 4, 8]))
    at = int(rng.integers(min(len(out), 2048) if rng.random() < 0.6 else len(out)))
    number = EXTREMES[rng.integers(len(EXTREMES))] & (1 << 8 * size) - 1
    order = "little" if rng.random() < 0.7 else "big"
    out[at : at + size] = number.to_bytes(size, order)


def strange_word(out, other, rng):
    words = list(re.finditer(rb"[\w.+-]+", out[: 1 << 15]))
    if words:
        word = words[rng.integers(len(words))]
        out[slice(*word.span())] = WORDS[rng.integers(len(WORDS))]


def splice(out, other, rng):
    at, begins = int(rng.integers(len(out) + 1)), int(rng.integers(len(other) + 1))
    out[at:] = other[begins:]


MUTATIONS = [flip_bits, insert, delete, cut_end, swap_blocks, repeat_block, blank_block,
             extreme_number, extreme_number, strange_word, strange_word, splice]  # fmt: skip
