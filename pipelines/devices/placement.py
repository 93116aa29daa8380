"""Where on the body a device was worn, from the words that a file uses for it."""

from __future__ import annotations

import re

# Words that name one of the study's placements beyond doubt. "waist" may be hip or lower back, "back" may be
# the upper one: such words name none, and the clinic's declaration decides.
_WORDS = {
    "lower_back": r"lower ?back|low ?back|lumbar|lumbosacral|sacrum|pelvis|l[345]",
    "wrist": r"wrist|forearm",
    "hip": r"hip",
    "thigh": r"thigh|femur|upper ?leg",
    "shank": r"shank|tibia|calf|lower ?leg|ankle",
    "foot": r"foot|instep",
}
_SIDE = r"(?:left|right|l|r)"


def placement_of(text: str | None) -> str | None:
    """The placement that a device's tag or location names, or None where it names none or several."""
    words = " ".join(
        re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text or "").lower())
    )
    found = {
        name
        for name, pattern in _WORDS.items()
        if re.search(rf"\b{_SIDE}?(?:{pattern})(?:{_SIDE}|\d+)?\b", words)
    }
    return found.pop() if len(found) == 1 else None
