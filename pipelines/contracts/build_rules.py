"""Rules that can be put to a row only once the build has measured it against other rows."""

from __future__ import annotations

from pipelines.contracts.rule_list import unexpected_rows
from pipelines.contracts.rules import Rule

UNLIKE_OWNER = "walks_unlike_owner"
_TURNED = "is_turned"  # of core_knee_load
_UNLIKE = "owner_state = 'unlike_owner'"  # of core_wear_owner


def build_rules(table: str) -> list[Rule]:
    """The rules of a table whose findings the build takes from a table it has made itself."""
    return [rule for rule in _RULES if rule.table == table]


_RULES = (
    Rule(
        table="wear_bout",
        name=UNLIKE_OWNER,
        field=None,
        kind="plausibility",
        severity="flag",
        description="The walks of a day are like those of the participant's other days.",
        remedy="Cadence and step length of this day are unlike this participant's other days; "
        "ask whether somebody else wore the device.",
        breaks=_UNLIKE,
        expectation=unexpected_rows(_UNLIKE),
    ),
    Rule(
        table="knee_moment",
        name="moment_turned",
        field=None,
        kind="plausibility",
        severity="flag",
        description="The moment runs from foot contact to lift-off, as in the person's other stances.",
        remedy="This stance fits the person's others only when it is read from its end; ask the lab whether "
        "its frames are in the wrong order. It is left out until then.",
        breaks=_TURNED,
        expectation=unexpected_rows(_TURNED),
    ),
)
