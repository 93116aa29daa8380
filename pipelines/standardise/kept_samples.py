"""Samples that are slow to decode, kept on disk for as long as they are read a second time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipelines.contracts.shapes import SignalChunk, SignalFile

_ARRAYS = tuple(field.name for field in fields(SignalChunk) if field.name != "findings")


@contextmanager
def kept(read: SignalFile, folder: Path) -> Iterator[SignalFile]:
    """The recording, decoded once however often its chunks are asked for, if it `is_slow`; else as it is.

    What was decoded lies in a file without a name under `folder`, 12 bytes a sample, and goes with the context.
    """
    if not read.is_slow:
        yield read
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        written: list[tuple[set[str], tuple]] = []  # per chunk: the arrays it has, its findings
        is_whole = False

        def chunks() -> Iterator[SignalChunk]:
            nonlocal is_whole
            if is_whole:
                yield from _again(file, written)
                return
            written.clear()
            file.seek(0)
            for chunk in read.chunks():
                has = {name for name in _ARRAYS if getattr(chunk, name) is not None}
                for name in _ARRAYS:
                    if name in has:
                        np.save(file, getattr(chunk, name), allow_pickle=False)
                written.append((has, chunk.findings))
                yield chunk
            file.flush()
            is_whole = True

        yield replace(read, chunks=chunks)


def _again(file: BinaryIO, written: list[tuple[set[str], tuple]]) -> Iterator[SignalChunk]:
    file.seek(0)
    for has, findings in written:
        arrays = {
            name: np.load(file, allow_pickle=False) if name in has else None for name in _ARRAYS
        }
        yield SignalChunk(**arrays, findings=findings)
