"""Central monitoring: at which clinics the numbers look unlike those of the others, and what to ask."""

from __future__ import annotations

import polars as pl

from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures.monitoring import clinic_distances
from pipelines.reports.layout.numbers import number
from pipelines.reports.layout.results import Basis
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Central monitoring", ("open",)
# Test -> heading, what it looks at and what else than an error may cause it, how its value is written.
_TESTS = {
    "digit_preference": (
        "Last digits", "Whether numbers end in some digits more often than at the other clinics. A stopwatch that shows "
        "fewer digits does that as well.", "share of last digits 0 or 5"),
    "variance_within": (
        "Change from visit to visit", "Whether participants' values change less between visits than elsewhere.",
        "log of the variance, standardised"),
    "variance_between": (
        "Difference between participants", "Whether participants are more alike than elsewhere. Strict local criteria of "
        "enrolment do that as well.", "mean distance from the clinic's median, standardised"),
    "copied_on": (
        "Forms like the last one", "Participants with a form on which at least nine values in ten are those of the visit "
        "before.", "share of participants"),
    "near_duplicates": (
        "Forms like another participant's", "Participants with a form on which at least nine values in ten are those of "
        "another participant of the clinic.", "share of participants"),
    "weekend_visits": (
        "Visits on weekends", "Whether more visits fall on Saturday or Sunday than elsewhere. Some clinics are open then.",
        "mean share of a participant's visits"),
    "visits_on_one_day": (
        "Many visits on one day", "Pairs of visits on the same day, beside the number expected if dates around the due "
        "days were those of any participant. A clinic with one study day a week does that as well.",
        "pairs of visits; under others, the pairs expected here"),
    "visits_too_regular": (
        "Visits on the very day", "Whether visits lie closer to the day on which they were due than elsewhere.",
        "mean distance in half windows"),
    "events_few": (
        "Adverse events reported", "Whether fewer are reported than the participants' time gives reason to expect.",
        "events per person-year"),
    "falls_few": (
        "Falls in diaries", "Whether fewer are written than the time that diaries cover gives reason to expect.",
        "falls per person-year"),
    "unit_change": (
        "A change of unit", "Whether values step up or down within participants at some date, as they do when a clinic "
        "begins to send another unit.", "log ratio of later to earlier values"),
    "slow_drift": (
        "Slow drift", "Whether values slide within participants over the months, as they do when a device loses its "
        "calibration or a habit changes.", "log ratio per 100 days"),
    "device_drift": (
        "Drift of worn devices", "Whether counts per minute worn slide within participants over the days.",
        "log ratio per 100 days"),
}  # fmt: skip
_PARTS = {"walk.time": "walking times", "walk.distance": "six-minute distance", "tug.time": "timed up and go",
          "sls.time": "single-leg stance", "strength.force": "strength (force)", "strength.torque": "strength (torque)", "knee.girth": "knee girth",
          "rating.line": "marks on a line"}  # fmt: skip
_BASIS = Basis(
    "core_monitoring", by={"clinic_id": "clinic_id", "test": "test", "part_code": "part"}
)


def page(source: Source) -> blocks.Page:
    """One page for the study team; it never reads the arm."""
    found = source.rows("""
        SELECT m.*, c.clinic_name FROM core_monitoring AS m JOIN ref_clinic AS c USING (clinic_id)
        ORDER BY clinic_id, test, part
    """).with_columns(pl.col("part").replace(_PARTS), part_code="part")  # fmt: skip
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, summary=_summary(found),
        sections=(_signals(found), *(_section(found, test) for test in _TESTS)),
        sources=(
            "Central statistical monitoring: Buyse et al., Statistics in Medicine 1999;18:3435-3451; Venet et al., "
            "Clinical Trials 2012;9:705-713.",
            "Reporting rates against resampled participants: Koneswarakantha et al., Drug Safety 2021;44:949-955.",
            "Adjustment for the number of comparisons: Holm, Scandinavian Journal of Statistics 1979;6:65-70.",
        ),
        footnotes=(
            "Participants are what is compared, not single values, so that many values of one person count once.",
            "A clinic with fewer than five participants is shown and not judged.",
            "Each assessor's last digits are compared too; the result is in the closed database only.",
        ),
    )  # fmt: skip


def _summary(found: pl.DataFrame) -> tuple[blocks.Block, ...]:
    judged, signals = found.filter(pl.col("p").is_not_null()), found.filter("is_signal")
    clinics = signals["clinic_name"].unique().sort().to_list()
    said = (
        f"{number(judged.height)} comparisons of a clinic with all others were made. "
        + (f"{number(signals.height)} are signals, at {', '.join(clinics)}. " if clinics else "None is a signal. ")
        + "If all clinics worked alike, at most one night in twenty would show any signal."
    )  # fmt: skip
    return (
        blocks.Paragraph(said),
        blocks.Callout(
            "It says that a clinic's numbers are unlike the others', not why. Ask the clinic before anything else is done.",
            "A signal is a question, not a verdict", "note",
        ),
    )  # fmt: skip


def _signals(found: pl.DataFrame) -> blocks.Section:
    signals = found.filter("is_signal").sort("p_adjusted", "clinic_id", "test", "part")
    named = signals.with_columns(
        what=pl.col("test").replace_strict({test: words[0] for test, words in _TESTS.items()})
    )
    columns = [
        Column("clinic_name", "Clinic"), Column("what", "What"), Column("part", "Of"),
        *_here(), Column("p_adjusted", "p, adjusted", "p", of="max(p_adjusted)"), Column("reading", "What it looks like"),
    ]  # fmt: skip
    return blocks.Section(
        "Signals", (table(named, columns, title="What to ask about", basis=_BASIS),)
    )


def _here() -> list[Column]:
    return [
        Column("value", "Here", "number", 3, n="participants_n", of="max(value)"),
        Column("others", "Others", "number", 3, n="participants_n", of="max(others)"),
    ]


def _section(found: pl.DataFrame, test: str) -> blocks.Section:
    heading, words, value = _TESTS[test]
    rows = found.filter(test=test)
    columns = [Column("clinic_name", "Clinic"), Column("part", "Of")] if (rows["part"] != "").any() else [Column("clinic_name", "Clinic")]  # fmt: skip
    columns += [
        Column("participants_n", "Participants", "number", n="participants_n", of="max(participants_n)"), *_here(),
        Column("z", "Distance, SD", "signed", 1, n="participants_n", of="max(z)"),
        Column("p", "p", "p", n="participants_n", of="max(p)"), Column("p_adjusted", "p, adjusted", "p", n="participants_n", of="max(p_adjusted)"),
    ]  # fmt: skip
    return blocks.Section(heading, (
        blocks.Paragraph(words),
        clinic_distances(rows, title=heading),
        table(rows, columns, title=f"{heading} by clinic", note=f"Here and others: {value}.", basis=_BASIS),
    ))  # fmt: skip
