"""The study lead's digest goes out by the notifier through a real mail server on loopback."""

from __future__ import annotations

from pipelines import reports
from pipelines.contracts.load import load_contract
from pipelines.settings import load_settings

CUTOFF = "2025-11-04T03:15:00Z"


def test_the_digest_is_mailed_with_its_figure_in_the_text_and_its_pdf(
    rendered_home, tmp_path, stages, play, mailbox
):
    contract = load_contract(load_settings(rendered_home).schemas)
    night = rendered_home / "reports" / "2025-11-04T031500Z"
    written = reports.write_digest(rendered_home / "warehouse", night, tmp_path, contract)
    stages.answer("write_digest", lambda cutoff: written)

    state, tasks = play("reports", conf={"cutoff": CUTOFF})

    assert state == "success" and tasks["digest"] == ["success"]
    (mail,) = mailbox
    assert mail["To"] == "lead@example.org"
    assert mail["Subject"] == "[backstep] Study lead's digest, data until 2025-11-04 03:15 UTC"
    assert mail.get_content_type() == "multipart/related"
    text, *parts = mail.iter_parts()
    html = text.get_content()
    shown = {part["Content-ID"].strip("<>"): part.get_content() for part in parts}
    assert "participants are enrolled" in html and "<svg" not in html and "http" not in html
    assert 'src="cid:figure-1.png"' in html
    assert shown["figure-1.png"].startswith(b"\x89PNG")
    assert shown.get("study_lead.pdf", b"%PDF").startswith(b"%PDF")
    assert ("study_lead.pdf" in shown) == (night / "open" / "study_lead.pdf").is_file()
    assert "BW" not in html and "FW" not in html


def test_a_clinics_words_are_not_a_template(stages, play, mailbox):
    hostile = {"subject": "Digest", "html": "<p>{{ conn.smtp_default }}</p>", "files": []}
    stages.answer("write_digest", lambda cutoff: hostile)

    play("reports", conf={"cutoff": CUTOFF})

    assert "{{ conn.smtp_default }}" in next(mailbox[0].iter_parts()).get_content()


def test_without_study_leads_nothing_is_mailed(monkeypatch, stages, play, mailbox):
    monkeypatch.setitem(load_bag_environment(), "BACKSTEP_DIGEST_TO", "")

    state, _ = play("reports", conf={"cutoff": CUTOFF})

    assert state == "success"
    assert list(mailbox) == []


def load_bag_environment() -> dict[str, str]:
    """What the DAG files see of the study's settings while they are loaded."""
    from tests.dags import conftest

    return conftest.STUDY
