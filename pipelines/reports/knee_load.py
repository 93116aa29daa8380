"""The knee load report: walking backward beside walking forward in the gait lab, and (closed) the arms."""

from __future__ import annotations

import polars as pl

from pipelines.reports import arms, thresholds
from pipelines.reports.layout import blocks
from pipelines.reports.layout.figures.knee_load import moment_curves
from pipelines.reports.layout.numbers import interval, number, signed
from pipelines.reports.layout.results import Basis, estimated, one
from pipelines.reports.layout.tables import Column, table
from pipelines.reports.scales import mean_interval, scale_of
from pipelines.reports.source import Source

TITLE, AUDIENCES = "Knee load", ("open", "closed")
_WAY = {"FW": "forward", "BW": "backward"}
_NUMBERS = {  # column of mart_knee_load: what, unit, digits
    "ekam_first_peak_nm_per_kg": ("First peak of the moment", "Nm/kg", 2),
    "ekam_second_peak_nm_per_kg": ("Second peak of the moment", "Nm/kg", 2),
    "kaai_nms_per_kg": ("Impulse of the moment", "Nm s/kg", 3),
    "lab_speed_mps": ("Speed", "m/s", 2),
    "stance_time_s": ("Time of stance", "s", 2),
}
_METHOD = (
    "External knee adduction moment by inverse dynamics, as each clinic's lab computes it: a surrogate of the load on the "
    "inner side of the knee, not a contact force. Per kilogram of body mass at enrolment. Impulse is taken over seconds of stance. Index knee; mean over stances, "
    "then over people. A stance that runs backward in time, and a trial that missed its set speed by over 5 %, are left out."
)
_BASIS = Basis("mart_knee_load")


def page(source: Source) -> blocks.Page:
    """Within people: both ways on the same day. Between arms, closed only: each number by way of walking."""
    paired = _paired(source)
    if (
        source.audience == "open"
        and paired["n"].min() < source.contract.study.analysis.smallest_shown_count
    ):
        return _too_few(source)
    sections = [
        blocks.Section("Backward beside forward", (_curves(source), _within(paired))),
        blocks.Section("What was measured", (_stances(source),)),
    ]
    scales = [scale_of(name) for name in source.contract.study.reports["knee_load"].also]
    scales.insert(0, scale_of(source.contract.study.reports["knee_load"].primary))
    if source.audience == "closed":
        rows = source.rows("SELECT * FROM mart_outcome WHERE measure = 'knee_load' ORDER BY ALL")
        sections.insert(1, arms.section(source, rows, scales))
    return blocks.Page(
        title=f"{TITLE}: walking backward and forward", subtitle=source.contract.study.title, audience=source.audience,
        cutoff_text=source.cutoff_text, code_version=source.code_version, sections=tuple(sections),
        summary=_summary(paired), sources=thresholds.sources(source, scales), footnotes=(_METHOD,),
    )  # fmt: skip


def _too_few(source: Source) -> blocks.Page:
    """What the open page says while what it would show could be one person's."""
    said = "Too few people have been measured both ways for an open page; the closed one has what there is."
    return blocks.Page(
        title=f"{TITLE}: walking backward and forward", subtitle=source.contract.study.title, audience=source.audience,
        cutoff_text=source.cutoff_text, code_version=source.code_version, sections=(),
        summary=(blocks.Paragraph(said),), footnotes=(_METHOD,),
    )  # fmt: skip


def _paired(source: Source) -> pl.DataFrame:
    """One row per number: people with both ways, their means and the difference backward minus forward."""
    people = source.rows("""
        SELECT f.participant_id, f.visit_code, f.* EXCLUDE (participant_id, visit_code), b.*
        FROM (SELECT participant_id, visit_code, COLUMNS('_kg$|_mps$|_s$') AS 'forward_\\0' FROM mart_knee_load
              WHERE lab_direction_code = 'FW') AS f
        JOIN (SELECT participant_id AS person, visit_code AS visit, COLUMNS('_kg$|_mps$|_s$') AS 'backward_\\0' FROM mart_knee_load
              WHERE lab_direction_code = 'BW') AS b
            ON b.person = f.participant_id AND b.visit = f.visit_code
        ORDER BY f.participant_id, f.visit_code
    """)
    found = []
    for column, (what, unit, digits) in _NUMBERS.items():
        both = people.select(
            "participant_id", forward=f"forward_{column}", backward=f"backward_{column}"
        ).drop_nulls()
        # visits of one person are no independent pairs: each person counts once, by the mean
        each = both.group_by("participant_id", maintain_order=True).mean()
        apart = mean_interval(each["backward"] - each["forward"])
        found.append({
            "what": what, "unit": unit, "digits": digits, "n": each.height, "forward": each["forward"].mean(),
            "backward": each["backward"].mean(), "difference": apart.estimate if apart else None,
            "low": apart.low if apart else None, "high": apart.high if apart else None,
        })  # fmt: skip
    numbers = dict.fromkeys(("forward", "backward", "difference", "low", "high"), pl.Float64)
    return pl.DataFrame(found, schema_overrides=numbers)


def _summary(paired: pl.DataFrame) -> tuple[blocks.Block, ...]:
    first = paired.row(0, named=True)
    impulse, speed = paired.row(2, named=True), paired.row(3, named=True)
    if first["difference"] is None:
        said = "Fewer than two people have been measured both ways; nothing can be said of knee load yet."
        return (blocks.Paragraph(said),)
    lower = "lower" if first["difference"] < 0 else "higher"
    clear = first["high"] < 0 or first["low"] > 0
    said = (
        f"In {number(first['n'])} people measured both ways the first peak of the knee adduction moment is "
        f"{number(abs(first['difference']), 2)} Nm/kg {lower} walking backward than forward (95 % interval of the difference "
        f"{interval(first['low'], first['high'], 2)}{'' if clear else ', compatible with none'}). "
        f"They walked {number(speed['backward'], 2)} m/s backward and {number(speed['forward'], 2)} m/s forward: at lower speed the "
        "moment is lower too, so the difference is not that of direction alone. "
        "It compares ways of walking within people and says nothing of the trial's arms."
    )
    tiles = [
        blocks.KeyNumber(number(first["n"]), "people", "measured both ways", one("people measured both ways", first["n"], "", _BASIS)),
        *(
            blocks.KeyNumber(
                signed(each["difference"], each["digits"]), f"{each['what'].lower()}, {each['unit']}",
                f"backward minus forward, 95 % interval {interval(each['low'], each['high'], each['digits'])}",
                estimated(f"{each['what']}, backward minus forward", each["unit"], _BASIS, each["difference"], each["low"], each["high"]),
            )
            for each in (first, impulse)
        ),
    ]  # fmt: skip
    return (blocks.Paragraph(said), blocks.KeyNumbers(tuple(tiles)))


def _curves(source: Source) -> blocks.Figure:
    curves = source.rows("""
        WITH person AS (
            SELECT participant_id, lab_direction_code, stance_pct, avg(moment_nm_per_kg ORDER BY visit_code) AS moment
            FROM mart_knee_curve GROUP BY ALL
        )
        SELECT lab_direction_code, stance_pct, avg(moment ORDER BY participant_id) AS mean,
            stddev_samp(moment ORDER BY participant_id) AS sd, count(*) AS n
        FROM person GROUP BY ALL ORDER BY ALL
    """).with_columns(way=pl.col("lab_direction_code").replace_strict(_WAY, return_dtype=pl.String))
    return moment_curves(
        curves,
        title="Knee adduction moment over stance, backward and forward",
        note="The curve is over per cent of stance; stance lasts differently both ways, see the table.",
    )


def _within(paired: pl.DataFrame) -> blocks.Table:
    return table(
        paired.with_columns(what=pl.col("what") + ", " + pl.col("unit")),
        [
            Column("what", "Index knee"), Column("n", "People", "number"), Column("forward", "Forward", "number", 3, unit_from="unit"),
            Column("backward", "Backward", "number", 3, unit_from="unit"),
            Column("difference", "Backward minus forward (95 % interval)", "estimate", 3, low="low", high="high", unit_from="unit"),
        ],
        basis=_BASIS,
        title="Both ways in the same people",
        note="Each person counts once, by the mean of visits. Interval of the mean difference by the t distribution.",
    )  # fmt: skip


def _stances(source: Source) -> blocks.Table:
    # a clinic's lab may have measured one person: the open page says nothing by clinic
    clinic = "clinic_id" if source.audience == "closed" else "'all'"
    counted = source.rows(f"""
        SELECT {clinic} AS clinic_id, lab_direction_code, count(DISTINCT participant_id) AS people_n, count(*) AS stances_n,
            count(*) FILTER (is_turned) AS turned_n, count(*) FILTER (speed_state = 'missed') AS missed_n,
            count(*) FILTER (second_peak_absent IS NOT NULL) AS one_hump_n, count(*) FILTER (kaai_abstained IS NOT NULL) AS no_impulse_n,
            avg(lab_speed_mps ORDER BY participant_id, visit_code, trial_no, stance_no) AS speed
        FROM core_knee_load WHERE is_index_knee GROUP BY ALL ORDER BY ALL
    """).with_columns(way=pl.col("lab_direction_code").replace_strict(_WAY, return_dtype=pl.String))
    return table(
        counted,
        [
            Column("clinic_id", "Clinic"), Column("way", "Walked"), Column("people_n", "People", "number", n="people_n", of="count(DISTINCT participant_id)"),
            Column("stances_n", "Stances", "number", n="people_n", of="count(*)"),
            Column("speed", "Mean speed, m/s", "number", 2, unit="m/s", n="people_n", of="avg(lab_speed_mps)"),
            *(Column(name, label, "number", n="people_n", of=f"count(*) FILTER ({test})") for name, label, test in (
                ("turned_n", "Turned in time", "is_turned"), ("missed_n", "Set speed missed", "speed_state = 'missed'"),
                ("one_hump_n", "No second peak", "second_peak_absent IS NOT NULL"), ("no_impulse_n", "No impulse", "kaai_abstained IS NOT NULL"))),
        ],
        basis=Basis("core_knee_load", "is_index_knee", {"lab_direction_code": "lab_direction_code"} | ({} if clinic == "'all'" else {"clinic_id": "clinic_id"})),
        title="Stances of the index knee",
        note="A curve with one hump has one peak; the second is then absent, not zero. "
             "Without seconds of stance, body mass or a whole curve there is no impulse.",
    )  # fmt: skip
