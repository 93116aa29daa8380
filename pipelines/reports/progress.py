"""Progress: who was randomised, where everybody stands at each visit, and who they are."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipelines.errors import BackstepError
from pipelines.reports import flow_section, small_cells
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures.enrolment import enrolment
from pipelines.reports.layout.numbers import MISSING, fraction, number
from pipelines.reports.layout.results import SCHEMA, Basis, literal_of, one
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import scale_of
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Progress of the study", ("open", "closed")
STATES = ("seen", "missed", "left", "not_due")
_MEASURED = {"age_years": "Age, years", "height_cm": "Height, cm", "weight_kg": "Weight, kg"}
_IN_SQL = {"age_years": "year(randomised_date) - birth_year"}
_COUNTED = {
    "sex_code": "Sex",
    "condition_code": "Condition",
    "kl_grade": "Kellgren-Lawrence grade",
    "beta_blocker": "Takes a beta-blocker",
}


def page(source: Source) -> blocks.Page:
    """The flow pooled, or by arm with the baseline table and months, which the open page may not show."""
    closed = source.audience == "closed"
    people = source.rows("SELECT * FROM core_participant ORDER BY participant_id")
    standing = source.rows("SELECT * FROM mart_visit ORDER BY participant_id, visit_order")
    by = "arm" if closed else None
    sections = [flow_part(source, standing, people, by)]
    if closed:  # single people stand behind the small counts of a baseline table
        sections += [baseline_part(people, by), recruitment(source, people)]
    return blocks.Page(
        title=TITLE, subtitle=source.contract.study.title, audience=source.audience, cutoff_text=source.cutoff_text,
        code_version=source.code_version, summary=_summary(people, flow(standing, None), closed), sections=tuple(sections),
        sources=("Participant flow and baseline table: CONSORT 2025. Baseline differences between arms are not tested.",) if closed
        else ("Participant flow: CONSORT 2025.",),
        footnotes=("At every visit those seen, missed, gone and not yet due add up to those randomised; otherwise this page is not made.",),
    )  # fmt: skip


def flow(standing: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """Per visit (and group): randomised_n and a count for each of STATES.

    Raises BackstepError where they do not add up. Assumes: one row per participant and visit.
    """
    keys = ["visit_order", "visit_code", *([by] if by else [])]
    counted = standing.group_by(keys).agg(
        randomised_n=pl.col("participant_id").n_unique(),
        **{state: (pl.col("state") == state).sum() for state in STATES},
    )
    wrong = counted.filter(pl.sum_horizontal(STATES) != pl.col("randomised_n"))
    if not wrong.is_empty():
        raise BackstepError(
            "the participant flow does not add up to those randomised",
            where=", ".join(wrong["visit_code"].unique().sort()),
            remedy="look for a participant who stands twice at these visits, or in no known state",
        )
    return counted.sort(keys)


def baseline(people: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """One row per characteristic (or level of one), one text column per group.

    Mean (standard deviation) or number (percent), each of those in whom it is known.
    """
    groups = {"everybody": people} if by is None else {
        str(name): rows for (name,), rows in people.sort(by).group_by(by, maintain_order=True)
    }  # fmt: skip
    shown = []
    for field, label in _MEASURED.items():
        if people[field].count():
            cells = {name: _mean(rows[field]) for name, rows in groups.items()}
            shown.append({"what": label, "level": "mean (SD), known in"} | cells)
    for field, label in _COUNTED.items():
        for level in people[field].drop_nulls().unique().sort():
            cells = {
                name: fraction(int((rows[field] == level).sum()), rows[field].count())
                for name, rows in groups.items()
            }
            shown.append({"what": label, "level": _words(level)} | cells)
    return pl.DataFrame(shown, schema=dict.fromkeys(("what", "level", *groups), pl.String))


def baseline_numbers(people: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """The same numbers as results (layout/results.SCHEMA): per group mean and SD, or how many and how many known."""
    groups = (
        [(None, people)] if by is None else [(name, rows) for (name,), rows in people.group_by(by)]
    )
    found = [SCHEMA.to_frame()]
    for name, rows in sorted(groups, key=lambda group: str(group[0])):
        of_group = f"{by} = '{name}'" if name else "true"
        told = [
            (label, field, what, value, f"{of}({_IN_SQL.get(field, field)})", "")
            for field, label in _MEASURED.items()
            for what, value, of in (
                ("mean", rows[field].mean(), "avg"),
                ("SD", rows[field].std(), "stddev_samp"),
            )
            if people[field].count()
        ] + [
            (
                f"{label}, {_words(level)}",
                field,
                "number",
                (rows[field] == level).sum(),
                "count(*)",
                f" AND {field} = {literal_of(level)}",
            )
            for field, label in _COUNTED.items()
            for level in people[field].drop_nulls().unique().sort()
        ]
        found += [
            one(f"{label}: {what}", value, "", Basis("core_participant", of_group + further), of).with_columns(
                group=pl.lit(name or ""), n=pl.lit(rows[field].count()).cast(pl.Int64))
            for label, field, what, value, of, further in told
        ]  # fmt: skip
    return pl.concat(found)


def _mean(values: pl.Series) -> str:
    known = values.drop_nulls()
    if known.is_empty():
        return "not known"
    spread = number(known.std(), 1) if known.len() > 1 else "\N{EN DASH}"
    return f"{number(known.mean(), 1)} ({spread}), {number(known.len())}"


def _words(level: object) -> str:
    if isinstance(level, bool):
        return "yes" if level else "no"
    return str(level).replace("_", " ")


def _summary(people: pl.DataFrame, counts: pl.DataFrame, closed: bool) -> tuple[blocks.Block, ...]:
    left = int(people["is_withdrawn"].sum() or 0)
    seen, missed = int(counts["seen"].sum() or 0), int(counts["missed"].sum() or 0)
    told = (
        f"{number(people.height)} participants were randomised at {number(people['clinic_id'].n_unique())} clinics, "
        f"and {number(left)} of them have left the study."
    )
    if closed:  # a sum over visits could tell a count that the open table hides
        told += f" Of {number(seen + missed)} visits held or due, {number(missed)} have sent no form at all."
    return (blocks.Paragraph(told),)


def flow_part(
    source: Source, standing: pl.DataFrame, people: pl.DataFrame, by: str | None
) -> blocks.Section:
    """Figure and table of the flow."""
    limit = source.contract.study.analysis.smallest_shown_count
    counted, hidden = flow(standing, by), ""
    if source.audience == "open":
        counted = small_cells.in_rows(counted, list(STATES), limit)
        hidden = " " + small_cells.note(limit, MISSING)
    columns = [
        Column("visit_code", "Visit"), *([Column("arm", "Arm")] if by else []), Column("randomised_n", "Randomised", "number", n="randomised_n", of="count(*)"),
        *(Column(state, label, "number", n="randomised_n", of=f"count(*) FILTER (state = '{state}')") for state, label in zip(
            STATES, ("Seen", "Due, nothing came", "Left, nothing came", "Not yet due"), strict=True)),
    ]  # fmt: skip
    primary = scale_of(source.contract.study.reports["knee_pain"].primary)
    return blocks.Section("Participant flow", (
        flow_section.figure(source, counted, people, by, primary),
        table(counted, columns, title="Where everybody stands at each visit", by_arm=by is not None,
              note="Seen means that at least one questionnaire, walk or balance test of the visit came." + hidden,
              basis=Basis("mart_visit", by={"visit_code": "visit_code"} | ({by: by} if by else {}))),
    ))  # fmt: skip


def baseline_part(people: pl.DataFrame, by: str | None) -> blocks.Section:
    """The baseline table of CONSORT 2025; by arm on closed pages only."""
    people = people.with_columns(
        age_years=pl.col("randomised_date").dt.year() - pl.col("birth_year")
    )
    shown = baseline(people, by)
    groups = [Column(name, name if by else "Everybody") for name in shown.columns[2:]]
    listed = table(shown, [Column("what", "Characteristic"), Column("level", "Level"), *groups],
              title="Baseline characteristics", by_arm=by is not None,
              note="The number after a mean is how many it is known of; percentages are of those known. "
                   "Age is the year of randomisation minus the year of birth.")  # fmt: skip
    printed = replace(
        listed, numbers=baseline_numbers(people, by), rests_on="SELECT * FROM core_participant"
    )
    return blocks.Section("Who takes part", (printed,))


def recruitment(source: Source, people: pl.DataFrame) -> blocks.Section:
    """Who came when, beside the plan that study.yaml may name; with dates, so never on an open page."""
    months = (
        people.group_by(month=pl.col("randomised_date").dt.strftime("%Y-%m"))
        .agg(n=pl.len())
        .sort("month")
        .with_columns(total=pl.col("n").cum_sum())
    )
    month = "strftime(randomised_date, '%Y-%m')"
    plan = source.contract.study.enrolment
    points = (
        [(plan.from_date, 0), *((goal.by_date, goal.participants) for goal in plan.goals)]
        if plan
        else []
    )
    note = "" if plan else "study.yaml names no plan (`enrolment`)."
    return blocks.Section("Recruitment", (
        enrolment(people.select(date="randomised_date"), points, title="Enrolment against the plan", note=note),
        table(months, [Column("month", "Month"), Column("n", "Randomised", "number", of="count(*)", where=f"{month} = '{{month}}'"),
                       Column("total", "Altogether", "number", of="count(*)", where=f"{month} <= '{{month}}'")],
              title="Participants randomised by month", basis=Basis("core_participant")),
    ))  # fmt: skip
