"""Who improved by at least the minimal important change, by arm: missing as no response, and as observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from pipelines.analysis.summary import Interval, newcombe, risk_ratio, wilson

Missing = Literal["missing as non-responder", "observed cases"]


@dataclass(frozen=True)
class Responders:
    """Both arms' responders under one way to treat missing values; counts are (responders, people) by arm."""

    missing: Missing
    counts: dict[str, tuple[int, int]]
    share: dict[str, Interval]
    difference: Interval  # test minus reference
    ratio: Interval


def compare(due: pl.DataFrame, responses: pl.DataFrame, arms: tuple[str, str]) -> list[Responders]:
    """Responders of reference and test arm, first with missing as non-responder, then observed cases alone.

    `due` has `participant_id` and `arm` of everybody whose value was due; `responses` has `participant_id` and
    `is_responder`, null where baseline or value is missing. The shares have Wilson's intervals, their difference Newcombe's.
    """
    joined = due.select("participant_id", "arm").join(
        responses.select("participant_id", "is_responder"), on="participant_id", how="left"
    )
    if joined.height != due.height:
        raise ValueError("a participant has more than one response")
    said = joined.drop_nulls("is_responder")
    found = []
    for name, people in (("missing as non-responder", joined), ("observed cases", said)):
        counts = {
            arm: (
                int(people.filter(arm=arm)["is_responder"].fill_null(False).sum()),
                people.filter(arm=arm).height,
            )
            for arm in arms
        }
        reference, test = counts[arms[0]], counts[arms[1]]
        found.append(
            Responders(
                missing=name,
                counts=counts,
                share={arm: wilson(*count) for arm, count in counts.items()},
                difference=newcombe(*test, *reference),
                ratio=risk_ratio(*test, *reference),
            )
        )
    return found
