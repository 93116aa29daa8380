"""A small C3D file, written by its guide (c3d.org): parameters from block 2 on, frames of floats or integers."""

import struct

import numpy as np


def text_parameter(texts: list[str], width: int) -> tuple[int, list[int], bytes]:
    return -1, [width, len(texts)], b"".join(t.encode().ljust(width) for t in texts)


def parameters(groups: dict[str, dict[str, tuple[int, list[int], bytes]]], order: str) -> bytes:
    out = b""
    for id_, (group, fields) in enumerate(groups.items(), start=1):
        out += (
            struct.pack("bb", len(group), -id_)
            + group.encode()
            + struct.pack(f"{order}h", 3)
            + b"\0"
        )
        for name, (kind, dims, data) in fields.items():
            body = struct.pack("bb", kind, len(dims)) + bytes(dims) + data + b"\0"
            head = struct.pack("bb", len(name), id_) + name.encode()
            out += head + struct.pack(f"{order}h", 2 + len(body)) + body
    out += b"\0\0"
    n_blocks = -(-(len(out) + 4) // 512)
    return (bytes([1, 80, n_blocks, 84 if order == "<" else 86]) + out).ljust(512 * n_blocks, b"\0")


def c3d_bytes(points, labels, *, rate_hz=100.0, first=1, scale=-1.0, order="<", n_analog=0,
              unit="Nmm", events=()) -> bytes:  # fmt: skip
    """`points` (frames, points, 4): x, y, z and residual, as stored; `events` (side, label, seconds)."""
    points = np.asarray(points)
    n_frames, n_points = points.shape[:2]
    groups = {
        "POINT": {
            "USED": (2, [], struct.pack(f"{order}H", n_points)),
            "SCALE": (4, [], struct.pack(f"{order}f", scale)),
            "LABELS": text_parameter(labels, 16),
            "RATE": (4, [], struct.pack(f"{order}f", rate_hz)),
            "FRAMES": (2, [], struct.pack(f"{order}H", n_frames)),
            "MOMENT_UNITS": text_parameter([unit], 4),
        }
    }
    if events:
        times = [number for *_, second in events for number in divmod(second, 60)]
        groups["EVENT"] = {
            "CONTEXTS": text_parameter([side for side, _, _ in events], 8),
            "LABELS": text_parameter([label for _, label, _ in events], 12),
            "TIMES": (4, [2, len(events)], struct.pack(f"{order}{len(times)}f", *times)),
        }
    section = parameters(groups, order)
    begins = 2 + len(section) // 512
    header = struct.pack(
        f"{order}BBHHHHHfHHf", 2, 80, n_points, n_analog, first, first + n_frames - 1, 10, scale,
        begins, n_analog, rate_hz,
    ).ljust(512, b"\0")  # fmt: skip
    kind = order + ("f4" if scale < 0 else "i2")
    frames = np.concatenate([points.reshape(n_frames, -1), np.zeros((n_frames, n_analog))], axis=1)
    return header + section + frames.astype(kind).tobytes()
