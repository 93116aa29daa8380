"""Safety: falls with the time they were watched for, and adverse events, persons and events apart."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from pipelines.analysis.falls import RateRatio, rate_ratio
from pipelines.analysis.first_fall import Hazard, hazard_ratio, survival_curve
from pipelines.analysis.summary import rate_of_people
from pipelines.reports import adverse_events, small_cells, strata
from pipelines.reports.adverse_events import SERIOUS
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures.first_fall import first_fall_curves
from pipelines.reports.layout.figures.swimmer import swimmer
from pipelines.reports.layout.numbers import interval, number
from pipelines.reports.layout.results import Basis, estimated, one
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.source import Source

TITLE = "Safety"
AUDIENCES = ("open", "closed")
_WATCHED = """
    SELECT s.*, f.first_day, d.last_day, e.n AS events_after_n, coalesce(f.first_day, d.last_day) AS days,
        CASE WHEN f.first_day IS NOT NULL THEN 1 WHEN d.last_day IS NOT NULL THEN 0 END AS fell
    FROM mart_safety AS s
    LEFT JOIN (SELECT participant_id, min(study_day) AS first_day FROM core_fall
               WHERE hopkins_grade <> '1' AND study_day > 0 GROUP BY ALL) AS f USING (participant_id)
    LEFT JOIN (SELECT participant_id, max(study_day) AS last_day FROM core_fall_diary GROUP BY ALL) AS d USING (participant_id)
    LEFT JOIN (SELECT participant_id, count(*) AS n FROM core_adverse_event WHERE study_day > 0 GROUP BY ALL) AS e
        USING (participant_id)
    ORDER BY participant_id"""
_GRADES = {
    "1": "near-fall (counted apart)",
    "2": "fall, no medical attention",
    "3": "fall, medical attention",
    "4": "fall, admission to hospital",
}
_FALLS = ("2", "3", "4")
SOURCES = (
    "Falls and person-time: Lamb et al. 2005 (ProFaNE consensus). A fall is Hopkins grade 2 and above (PMC3867809).",
    "Intervals of rates: exact Poisson (Garwood 1936) of the effective number of falls, because who falls once falls again (Pearson's "
    "dispersion, McCullagh and Nelder 1989). Ratio of rates: negative binomial regression, as glm.nb of R's MASS.",
    "Time to first fall: Kaplan and Meier 1958; Cox regression with Efron's ties, stratified by clinic.",
)
FOOTNOTES = (
    "Person-time is the days that returned diaries cover: a diary that never came is not a time without falls. "
    "Falls of participants without any diary are counted and are in no rate.",
    "Person-time of adverse events runs from randomisation to a participant's last record of any kind; rates are of events since randomisation.",
    "Adverse events are those reported; how many go unreported this page cannot say.",
)


@dataclass(frozen=True)
class Parts:
    """What a page on safety is made of: the answer (a paragraph, then tiles), and its sections."""

    summary: tuple[blocks.Paragraph, blocks.KeyNumbers]
    sections: tuple[blocks.Section, ...]


def page(source: Source) -> blocks.Page:
    """Pooled, or by arm with the ratio of fall rates and the time to the first fall."""
    told = parts(source)
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, summary=told.summary, sections=told.sections, sources=SOURCES, footnotes=FOOTNOTES,
    )  # fmt: skip


def parts(source: Source) -> Parts:
    """The same for every page that speaks of safety, for the audience of the source."""
    people = source.rows(_WATCHED)
    events = source.rows("""
        SELECT participant_id, clinic_id, severity_code, serious, study_day FROM core_adverse_event ORDER BY ALL""")
    closed = source.audience == "closed"
    group = "arm" if closed else "clinic_id"
    sections = (
        blocks.Section("Falls", (_first_falls(source, people), _rates(source, people, group, closed), _grades(source))),
        *((_between_arms(source, people),) if closed else ()),
        adverse_events.section(source, people, events, group),
        blocks.Section("Everybody's course", (_course(people, source, events),)),
    )  # fmt: skip
    return Parts(_summary(people, events), sections)


def _summary(
    people: pl.DataFrame, events: pl.DataFrame
) -> tuple[blocks.Paragraph, blocks.KeyNumbers]:
    falls, years = int(people["falls_n"].sum() or 0), float(people["person_years"].sum() or 0)
    fallers = people.filter(pl.col("falls_n") > 0).height
    rate = rate_of_people(people["falls_n"], people["person_years"])
    known = rate.estimate is not None
    serious = events.filter(SERIOUS)
    affected = events["participant_id"].n_unique()
    told = (
        f"{number(falls)} falls of {number(fallers)} participants were reported in {number(years, 1)} person-years of diaries"
        + (f", {number(rate.estimate, 2)} per person-year (95 % interval {interval(rate.low, rate.high, 2)}). " if known else ". ")
        + f"{number(events.height)} adverse events of {number(affected)} participants were reported, {number(serious.height)} of them "
        f"serious, in {number(serious['participant_id'].n_unique())} participants."
    )  # fmt: skip
    watched, reported = Basis("mart_safety"), Basis("core_adverse_event")
    tiles = (
        blocks.KeyNumber(number(falls), "falls", f"of {number(fallers)} participants",
                         one("falls", falls, "", watched, "coalesce(sum(falls_n), 0)")),
        blocks.KeyNumber(number(rate.estimate, 2) if known else "\N{EN DASH}", "falls per person-year",
                         f"95 % interval {interval(rate.low, rate.high, 2)}" if known else "no diaries yet",
                         estimated("falls per person-year", "1/year", watched, rate.estimate, rate.low, rate.high)),
        blocks.KeyNumber(number(events.height), "adverse events", f"of {number(affected)} participants",
                         one("adverse events", events.height, "", reported, "count(*)")),
        blocks.KeyNumber(number(serious.height), "serious", f"of {number(serious['participant_id'].n_unique())} participants",
                         one("serious adverse events", serious.height, "", reported, "count(*) FILTER (serious)")),
    )  # fmt: skip
    return (blocks.Paragraph(told), blocks.KeyNumbers(tiles))


def _first_falls(source: Source, people: pl.DataFrame) -> blocks.Figure:
    watched = people.filter(pl.col("days") > 0)
    title = "Time to the first fall"
    if source.audience == "open":
        return first_fall_curves({"all participants": survival_curve(watched)}, title=title)
    arms = source.contract.study.arms
    curves = {
        arm: survival_curve(watched.filter(arm=arm)) for arm in (arms["test"], arms["reference"])
    }
    return first_fall_curves(curves, title=title, by_arm=True)


def _rates(source: Source, people: pl.DataFrame, group: str, closed: bool) -> blocks.Table:
    shown = []
    for (name,), rows in people.sort(group).group_by(group, maintain_order=True):
        years, falls = float(rows["person_years"].sum() or 0), int(rows["falls_n"].sum() or 0)
        rate = rate_of_people(rows["falls_n"], rows["person_years"])
        shown.append({
            "group": name, "people": rows.height, "n": rows.filter(pl.col("person_years") > 0).height, "years": years, "falls": falls,
            "fallers": rows.filter(pl.col("falls_n") > 0).height, "near": int(rows["near_falls_n"].sum() or 0),
            "in_session": int(rows["falls_in_session_n"].sum() or 0), "rate": rate.estimate,
            "low": rate.low, "high": rate.high,
        })  # fmt: skip
    floats = dict.fromkeys(("rate", "low", "high", "years"), pl.Float64)
    counted = pl.DataFrame(shown, schema_overrides=floats)
    if not closed:
        counted = small_cells.without_few(
            source,
            counted,
            "people",
            {"fallers": ("falls", "near", "in_session", "rate", "low", "high")},
        )
    return table(
        counted,
        [
            Column("group", "Arm" if closed else "Clinic"), Column("n", "With diaries", "number", of="count(*) FILTER (person_years > 0)"),
            Column("years", "Person-years", "number", 1, unit="years", of="coalesce(sum(person_years), 0)"),
            Column("falls", "Falls", "number", n="people", of="coalesce(sum(falls_n), 0)"),
            Column("fallers", "Who fell", "number", n="people", of="count(*) FILTER (falls_n > 0)"),
            Column("near", "Near-falls", "number", n="people", of="coalesce(sum(near_falls_n), 0)"),
            Column("in_session", "In session", "number", n="people", of="coalesce(sum(falls_in_session_n), 0)"),
            Column("rate", "Rate per year (95 % interval)", "estimate", 2, low="low", high="high", unit="1/year"),
        ],
        title="Falls and the time they were watched for", by_arm=closed, note=small_cells.note_for(source),
        basis=Basis("mart_safety", by={"group": group}),
    )  # fmt: skip


def _grades(source: Source) -> blocks.Table:
    counted = source.rows("""
        SELECT hopkins_grade AS grade, count(*) AS n, count(DISTINCT participant_id) AS people_n
        FROM core_fall GROUP BY ALL ORDER BY grade""").with_columns(
        meaning=pl.col("grade").replace_strict(_GRADES, default="not graded")
    )
    columns = [
        Column("grade", "Hopkins grade"), Column("meaning", "Meaning"), Column("n", "Reports", "number", n="people_n", of="count(*)"),
        Column("people_n", "Participants", "number", n="people_n", of="count(DISTINCT participant_id)"),
    ]  # fmt: skip
    # Falls (grade 2 and above) have a printed total, and so have near-falls: each is protected by itself.
    is_fall = pl.col("grade").is_in(list(_FALLS))
    shown = pl.concat(
        small_cells.few_of_total(source, counted.filter(part)) for part in (~is_fall, is_fall)
    ).sort("grade")
    return table(
        shown, columns, title="Falls by severity", note=small_cells.note_for(source),
        basis=Basis("core_fall", by={"grade": "hopkins_grade"}),
    )  # fmt: skip


def _between_arms(source: Source, people: pl.DataFrame) -> blocks.Section:
    arms = (source.contract.study.arms["reference"], source.contract.study.arms["test"])
    layers = source.contract.study.analysis.strata
    ratio = rate_ratio(strata.joined(source, people), arms=arms, strata=layers)
    hazard = hazard_ratio(people, arms=arms)
    return blocks.Section(
        "Falls between the arms", (_ratios(ratio, hazard, arms, strata.adjusted_for(source)),)
    )


def _ratios(
    ratio: RateRatio, hazard: Hazard, arms: tuple[str, str], rates_for: str
) -> blocks.Table:
    listed = pl.DataFrame([
        {"what": f"Ratio of fall rates, {ratio.method}", "value": ratio.estimate, "low": ratio.low, "high": ratio.high,
         "p": ratio.p},
        {"what": "Hazard ratio of the first fall (p of the log-rank test)", "value": hazard.estimate, "low": hazard.low,
         "high": hazard.high, "p": hazard.log_rank_p},
    ], schema={"what": pl.String} | dict.fromkeys(("value", "low", "high", "p"), pl.Float64))  # fmt: skip
    return table(
        listed,
        [Column("what", "Comparison"),
         Column("value", f"{arms[1]} over {arms[0]} (95 % interval)", "estimate", 2, low="low", high="high", unit="1"),
         Column("p", "p", "p")],
        title="Falls, test arm over reference arm", by_arm=True,
        note=f"Below 1 favours {arms[1]}. Rates are adjusted for {rates_for}, first falls stratified by clinic; as randomised, nominal p-values. "
        + _compared(ratio, hazard), basis=Basis("mart_safety"),
    )  # fmt: skip


def _compared(ratio: RateRatio, hazard: Hazard) -> str:
    """Who is in each comparison, who is not, and why there is no number."""
    told = [
        f"Rates: {_each(ratio.n_by_arm)} fitted"
        + (f", besides {number(ratio.n_without_falls)} of clinics or strata where nobody fell, who tell nothing of a ratio" if ratio.n_without_falls else "")
        + f"; left out without diary time, count or clinic: {number(ratio.n_left_out)}.",
        f"First fall: {_each(hazard.n_by_arm)} compared; left out without a day watched or clinic: {number(hazard.n_left_out)}.",
    ]  # fmt: skip
    if ratio.note:
        told.append(f"No ratio of rates: {ratio.note}.")
    elif ratio.dispersion is None:
        told.append("The errors of the Poisson model are the larger of its own and robust ones.")
    if hazard.note:
        told.append(f"No hazard ratio: {hazard.note}.")
    return " ".join(told)


def _each(n_by_arm: dict[str, int]) -> str:
    return " and ".join(f"{number(n)} of {arm}" for arm, n in n_by_arm.items())


def _course(people: pl.DataFrame, source: Source, events: pl.DataFrame) -> blocks.Figure:
    lanes = (
        people.filter(pl.col("last_day") > 0)
        .sort("last_day", "participant_id", descending=[True, False])
        .select("participant_id", "last_day")
        .with_row_index("row", 1)
    )
    falls = source.rows("""
        SELECT participant_id, study_day AS day, 'fall' AS kind FROM core_fall WHERE hopkins_grade <> '1' ORDER BY ALL""")
    happened = events.select(
        "participant_id",
        day="study_day",
        kind=pl.when(SERIOUS)
        .then(pl.lit("serious adverse event"))
        .otherwise(pl.lit("adverse event")),
    )
    on_lanes = pl.concat([falls, happened], how="vertical_relaxed").join(
        lanes.select("participant_id", "row"), on="participant_id"
    )
    return swimmer(
        lanes.select("row", "last_day"), on_lanes.select("row", "day", "kind").sort("row", "day", "kind"),
        title="Time watched, falls and adverse events of each participant",
    )  # fmt: skip
