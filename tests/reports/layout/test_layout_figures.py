"""Figures: drawn for no rows, one row and many; private; the same bytes each time."""

import importlib.util
import re
import time
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from pipelines.reports.layout import figures, palette, svg

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).with_name("made_up.py"))
made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made_up)

SVG = "{http://www.w3.org/2000/svg}"
SPEED = made_up.SPEED


def words(drawing: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


def both(figure):
    return figure.wide_svg, figure.narrow_svg


@pytest.mark.parametrize("name", made_up.DRAWN)
@pytest.mark.parametrize("n", [1, 12])
def test_each_figure_has_words_alt_text_n_and_fits_both_widths(name, n):
    figure = made_up.DRAWN[name](n)

    for drawing, width in zip(both(figure), (680, 344), strict=True):
        root = ElementTree.fromstring(drawing)
        assert root.find(f"{SVG}desc").text == figure.alt
        assert width <= float(root.attrib["viewBox"].split()[2]) <= width + 12
        assert len(words(drawing)) > 3
        assert "undefined" not in drawing and "NaN" not in drawing and "null" not in drawing
    assert re.search(r"\bn = \d|\d+/\d+", figure.caption)
    assert re.search("better", figure.alt) or figure.by_arm


@pytest.mark.parametrize("name", made_up.DRAWN)
def test_nothing_to_show_is_a_calm_panel(name):
    if name == "forest":
        empty = pl.DataFrame(
            schema={"label": pl.String}
            | dict.fromkeys(("estimate", "low", "high", "n"), pl.Float64)
        )
        figure = figures.forest(empty, None, favours=("B", "A"), title="Effect", **SPEED)
    else:
        figure = made_up.DRAWN[name](0)

    assert figure.caption.startswith("No data yet")
    assert all(words(drawing) == ["No data yet"] for drawing in both(figure))


@pytest.mark.parametrize("name", made_up.DRAWN)
def test_drawn_twice_is_the_same(name):
    assert made_up.DRAWN[name](12) == made_up.DRAWN[name](12)


@pytest.mark.parametrize("name", made_up.DRAWN)
def test_no_label_tells_a_value_or_a_person(name):
    for drawing in both(made_up.DRAWN[name](12)):
        labels = [
            attribute
            for element in ElementTree.fromstring(drawing).iter()
            for attribute in element.attrib
            if attribute.startswith("aria-")
        ]
        assert sorted(labels) == ["aria-describedby", "aria-labelledby"]
        assert "PERSON" not in drawing


def test_order_of_lines_tells_nothing_of_the_order_of_people():
    frame = made_up.people(30)
    renamed = frame.with_columns(
        participant_id=9999 - pl.col("participant_id").str.tail(4).cast(pl.Int64)
    ).reverse()

    drawn = [
        figures.trajectories(one, made_up.means(frame), better="higher", title="t", **SPEED)
        for one in (frame, renamed)
    ]

    assert drawn[0] == drawn[1]


def test_four_hundred_participants_have_four_hundred_lines_and_it_is_quick():
    made_up.trajectories(2)  # the first call starts the renderer
    start = time.perf_counter()

    figure = made_up.trajectories(400)

    assert time.perf_counter() - start < 5
    assert figure.wide_svg.count(f'stroke="{palette.THIN}"') == 400
    assert "n = 400 participants with at least one value, 1600 values" in figure.caption
    assert len(figure.wide_svg) < 150_000


def test_missing_values_are_counted_and_a_lone_value_is_a_dot():
    frame = pl.DataFrame(
        {
            "participant_id": ["a", "a", "b", "b"],
            "visit_day": [0, 42] * 2,
            "value": [1.0, 1.2, 1.1, None],
        }
    )

    figure = figures.trajectories(frame, made_up.means(frame), better="higher", title="t", **SPEED)

    assert "n = 2 participants with at least one value, 3 values." in figure.caption
    assert "1 missing values are not drawn." in figure.caption


def test_trajectories_by_arm_are_marked_and_have_a_panel_each():
    figure = made_up.trajectories(10, arms=True)

    assert figure.by_arm
    assert {"A: n = 5", "B: n = 5"} <= set(words(figure.wide_svg))
    assert not made_up.trajectories(10).by_arm


def test_a_group_in_one_frame_only_is_refused():
    frame = made_up.people(4, arms=True)
    with pytest.raises(ValueError, match="both have a `group`"):
        figures.trajectories(
            frame, made_up.means(frame).drop("group"), better="higher", title="t", **SPEED
        )


def test_forest_keeps_a_clinic_without_estimate_and_prints_a_clipped_interval():
    clinics = pl.DataFrame(
        {
            "label": ["Ghent", "Izmir", "Lyon", "Porto"],
            "estimate": [0.05, None, 0.02, 0.04],
            "low": [0.0, None, -9.0, -0.01],
            "high": [0.1, None, 9.0, 0.09],
            "n": [20, 2, 5, 18],
        }
    )

    figure = figures.forest(
        clinics,
        figures.Overall(0.06, 0.01, 0.11, 45),
        favours=("favours B", "favours A"),
        references=[(0.1, "MCID 0.10")],
        title="t",
        **SPEED,
    )

    for drawing in both(figure):
        assert {"Izmir (n = 2)", "not estimated", "0.02 (\u22129.00 to 9.00)", "MCID 0.10"} <= set(
            words(drawing)
        )
        assert {"Overall (model) (n = 45)", "0.06 (0.01 to 0.11)"} <= set(words(drawing))
    assert "(1 of 5)" in figure.caption
    assert figure.by_arm


def test_forest_cuts_a_long_name_but_never_its_denominator():
    clinics = pl.DataFrame(
        {"label": ["Clinic " * 12], "estimate": [0.1], "low": [0.0], "high": [0.2], "n": [37]}
    )

    figure = figures.forest(clinics, None, favours=("B", "A"), title="t", **SPEED)

    for drawing in both(figure):
        assert [word for word in words(drawing) if word.endswith("\u2026 (n = 37)")]


def test_change_is_counted_at_or_above_mcid_but_only_beyond_mdc():
    changes = pl.DataFrame({"change": [0.1, 0.14, 0.2, -0.14, -0.1, 0.0, None]})

    figure = figures.change_dots(changes, mdc=0.14, mcid=0.1, title="t", **SPEED)

    assert "n = 6 participants" in figure.caption
    assert (
        "MCID: 3/6 (50\u202f%) improved and 2/6 (33\u202f%) worsened by at least 0.10 m/s."
        in figure.caption
    )
    assert (
        "MDC: 1/6 (17\u202f%) improved and 0/6 (0\u202f%) worsened by more than 0.14 m/s."
        in figure.caption
    )
    assert "1 without a change are not drawn." in figure.caption


def test_change_without_thresholds_says_so():
    figure = figures.change_dots(
        pl.DataFrame({"change": [0.1, -0.2]}), mdc=None, mcid=None, title="t", **SPEED
    )

    assert "No published threshold fits" in figure.caption
    assert not any("MCID" in word for word in words(figure.wide_svg))


def test_missingness_prints_fractions_of_expected_forms():
    figure = made_up.missingness(2)

    printed = words(figure.wide_svg)
    assert printed.count("1/8") == printed.count("3/6") == printed.count("\u2013") == 2
    assert "8/28 (29\u202f%) expected forms are missing." in figure.caption


def test_missingness_refuses_counts_that_do_not_add_up():
    cells = pl.DataFrame(
        {
            "clinic_id": ["a"],
            "visit_code": ["BL"],
            "n_expected": [8],
            "n_received": [7],
            "n_missing": [2],
        }
    )
    with pytest.raises(ValueError, match="1 cells: expected is not received"):
        figures.missingness(cells, title="t")


def test_stacked_counts_print_the_sum():
    figure = made_up.stacked_counts(2)

    assert words(figure.narrow_svg).count("112 = 100 + 7 + 5") == 2
    assert "n = 224 rows received = 200 accepted + 14 quarantined + 10 duplicate." in figure.caption


@pytest.mark.parametrize(
    ("draw", "frame"),
    [
        (figures.stacked_counts, {"clinic": ["a"], "status": ["lost"], "n": [3]}),
        (
            figures.arrival_calendar,
            {"clinic_id": ["a"], "file_kind": ["b"], "expected_date": [None], "state": ["lost"]},
        ),
    ],
)
def test_a_word_without_a_mark_is_refused_not_dropped(draw, frame):
    with pytest.raises(ValueError, match="lost"):
        draw(pl.DataFrame(frame), title="t")


def test_calendar_counts_each_state_and_labels_days():
    figure = made_up.arrival_calendar(14)

    assert "n = 14 expected files: 4 came, 4 late, 3 missing, 3 refused." in figure.caption
    assert {"20 Oct", "2 Nov"} & set(words(figure.wide_svg))


def test_week_adherence_prints_shares():
    figure = made_up.week_adherence(3)

    assert words(figure.wide_svg).count("75\u202f%") == 3
    assert "45/60 (75\u202f%) planned sessions were attended." in figure.caption


def test_hostile_label_stays_text():
    counts = pl.DataFrame(
        {"clinic": ["<script>alert(1)</script>"], "status": ["accepted"], "n": [3]}
    )

    figure = figures.stacked_counts(counts, title="<b>t")

    for drawing in both(figure):
        assert "<script" not in drawing and "<b>" not in drawing


def test_ids_start_afresh_and_take_the_prefix_of_the_page():
    raw = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">'
        '<g clip-path="url(#clip41)"><path d="M0,0.12345" fill="#000" aria-label="secret 7"/></g>'
        '<text>id="x" url(#clip41)</text>'
        '<defs><clipPath id="clip41"><rect width="1"/></clipPath></defs></svg>'
    )

    cleaned = svg.clean(raw, "t", "a")
    shown = svg.inline(cleaned, "figure-1w")

    assert "secret" not in cleaned and "0.12345" not in cleaned and 'd="M0,0.12"' in cleaned
    assert 'id="figure-1w-part0"' in shown and 'clip-path="url(#figure-1w-part0)"' in shown
    assert '>id="x" url(#clip41)</text>' in shown
    assert "xmlns" not in shown
