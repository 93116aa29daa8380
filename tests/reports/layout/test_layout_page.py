"""Pages: one file that loads nothing, keeps text as text, and shows no arm to the wrong reader."""

import dataclasses
import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipelines.reports.layout.blocks import Canaries, Link, Links, Section
from pipelines.reports.layout.page import css_string, provenance, render_page, script_source

HERE = Path(__file__)
_spec = importlib.util.spec_from_file_location("made_up", HERE.with_name("made_up.py"))
made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made_up)

HOSTILE = "<script>alert('x')</script></style></title> & \"quoted\""


class Seen(HTMLParser):
    """Tags with attributes, and ids, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def html():
    return render_page(made_up.page(extra=(made_up.trajectories(8, arms=True), made_up.forest(3))))


def test_page_loads_nothing_and_runs_nothing(html):
    seen = Seen(html)

    assert not {tag for tag, _ in seen.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "form",
        "base",
        "use",
        "image",
    }
    assert not [
        name for _, attrs in seen.tags for name in attrs if name.startswith("on") or name == "src"
    ]
    assert not re.search(r"https?://|@import|//[a-z]", html)
    assert not re.search(r"url\((?!#)", html)
    assert all(
        attrs["href"].startswith("#") or attrs["href"] == "balance.html"
        for tag, attrs in seen.tags
        if tag == "a"
    )


def test_content_security_policy_comes_first_and_forbids_all_but_style_and_data_images(html):
    metas = [attrs for tag, attrs in Seen(html).tags if tag == "meta"]

    policy = metas[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert "default-src 'none'" in policy["content"] and "script-src" not in policy["content"]
    assert "img-src data:" in policy["content"]


def test_ids_are_unique_and_every_reference_has_its_target(html):
    seen = Seen(html)
    ids = [attrs["id"] for _, attrs in seen.tags if "id" in attrs]
    wanted = [
        word
        for _, attrs in seen.tags
        for name in ("aria-labelledby", "aria-describedby", "headers")
        for word in attrs.get(name, "").split()
    ]
    wanted += [
        attrs["href"][1:]
        for tag, attrs in seen.tags
        if tag == "a" and attrs["href"].startswith("#")
    ]
    wanted += re.findall(r"url\(#([^)]+)\)", html)

    assert len(ids) == len(set(ids))
    assert wanted and set(wanted) <= set(ids)


def test_text_from_clinics_appears_as_text():
    html = render_page(made_up.page(text=HOSTILE))

    tags = [tag for tag, _ in Seen(html).tags]
    assert "script" not in tags
    assert tags.count("style") == tags.count("title") - html.count("<svg") == 1
    assert html.count("&lt;script&gt;alert") > 10


def test_css_string_cannot_be_left():
    assert css_string('a"; } </style>') == '"a\\000022; \\00007d \\00003c\\00002fstyle\\00003e"'


def test_cut_off_and_version_stand_at_top_bottom_each_figure_and_each_printed_sheet(html):
    page = made_up.page()

    assert html.count(provenance(page)) == 2
    assert css_string(provenance(page)) in html
    under = re.findall(r'<figcaption class="under">(.*?)</figcaption>', html)
    assert len(under) == 5 and all("Data cut-off 2026-11-22 23:59 UTC." in text for text in under)


def test_summary_stands_before_the_sections_and_sources_after(html):
    places = [html.index(f'id="{name}"') for name in ("summary", "section-1", "section-3", "notes")]

    assert places == sorted(places)


def test_tables_and_figures_are_counted_apart(html):
    assert re.findall(r"<b>(.*?)\.</b>", html) == [
        "Table 1",
        "Figure 1",
        "Figure 2",
        "Figure 3",
        "Figure 4",
    ]


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        ("open", "Open session report"),
        ("closed", "Closed session report"),
        ("clinic", "For the clinic named here"),
    ],
)
def test_banner_says_who_may_read(audience, words):
    html = render_page(made_up.page(audience))

    assert f'<p class="banner"><strong>{words}</strong>' in html
    assert f'<body class="{audience}">' in html


@pytest.mark.parametrize("audience", ["open", "clinic"])
def test_results_by_arm_are_refused_on_other_pages(audience):
    with pytest.raises(ValueError, match="by arm: Effect"):
        render_page(made_up.page(audience, extra=(made_up.forest(2),)))


@pytest.mark.parametrize(
    "href", ["https://a.example/x", "//a.example", "/etc/x", "javascript:alert(1)", "a b", ""]
)
def test_links_may_only_name_a_file_beside_the_page(href):
    page = dataclasses.replace(
        made_up.page(), sections=(Section("s", (Links((Link(href, "x"),)),)),)
    )

    with pytest.raises(ValueError, match="beside the page"):
        render_page(page)


def test_a_page_of_nothing_is_still_a_page():
    page = dataclasses.replace(
        made_up.page("open"), summary=(), sections=(), sources=(), footnotes=()
    )

    html = render_page(page)

    assert "<h1>Speed rose.</h1>" in html and 'lang="en"' in html and "width=device-width" in html


def test_two_processes_write_the_same_bytes(html):
    repo = HERE.parents[3]

    def written(seed: str) -> bytes:
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": str(repo),
            "TZ": f"UTC{seed}",
        }
        script = HERE.with_name("made_up.py")
        return subprocess.run(
            [sys.executable, str(script)], check=True, capture_output=True, env=environment
        ).stdout

    first, second = written("1"), written("7")

    here = render_page(made_up.page(extra=(made_up.trajectories(30, arms=True), made_up.forest(4))))
    assert first == second == here.encode()


def test_the_web_server_allows_the_pages_script_by_the_same_digest():
    caddyfile = (HERE.parents[3] / "containers" / "web" / "Caddyfile").read_text(encoding="utf-8")
    assert f"script-src {script_source()};" in caddyfile


def test_the_foot_of_page_and_sheet_counts_the_canaries():
    page = dataclasses.replace(made_up.page(), canaries=Canaries(13, 13))
    html = render_page(page)
    foot = html[html.index("<footer>") :]
    assert "Canaries: 13 planted, 13 caught" in foot
    assert re.search(r"@bottom-left \{ content: \".*Canaries: 13 planted, 13 caught\"", html)
    assert "missed a planted fault" not in html


def test_a_missed_canary_is_said_before_anything_else():
    page = dataclasses.replace(
        made_up.page(), canaries=Canaries(13, 12, ("out of range in pain (rule <x>)",))
    )
    html = render_page(page)
    assert "Canaries: 13 planted, 12 caught" in html[html.index("<footer>") :]
    warned = html.index("missed a planted fault")
    assert html.index("<main>") < warned < html.index('id="summary"')
    assert "out of range in pain (rule &lt;x&gt;)" in html
