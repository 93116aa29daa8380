"""Landing folder -> receipts: what is complete is entered once, byte for byte; what is not waits."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from pathlib import Path

import pytest

from pipelines import files
from pipelines.receive.inbox import Inbox, passed_over, receive
from pipelines.receive.ledger import raw_path, receipts

CUTOFF = dt.datetime(2025, 11, 4, 3, 15)
SETTLE = 120.0
SETTLED = dt.timedelta(seconds=SETTLE)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    return folder


def put(
    folder: Path, name: str | bytes, content: bytes = b"a,b\n1,2\n", age: dt.timedelta = SETTLED
) -> Path:
    """A file last written `age` before the cut-off."""
    path = folder / os.fsdecode(name)
    path.write_bytes(content)
    at = int((CUTOFF.replace(tzinfo=dt.UTC) - age).timestamp() * 1e9)
    os.utime(path, ns=(at, at))
    return path


def look(landing: Path, cutoff: dt.datetime = CUTOFF) -> Inbox:
    return receive(landing.parent / "home", "alder", landing, cutoff, SETTLE)


# --- when is a file complete


def test_a_settled_file_is_entered_as_the_facts_say(landing: Path) -> None:
    content = b"Subject ID,Visit\r\n01-001-9,Week 3\r\n"
    path = put(landing, "koos_20251103.csv", content)
    sha = hashlib.sha256(content).hexdigest()

    (receipt,) = look(landing).receipts

    assert receipt.sha256 == sha
    assert receipt.delivery_id == f"alder-{sha[:12]}"
    assert (receipt.file_name, receipt.n_bytes, receipt.status) == (
        "koos_20251103.csv",
        len(content),
        "received",
    )
    assert receipt.received_utc == "2025-11-04T03:15:00"
    assert receipts(landing.parent / "home", "alder") == [receipt]
    assert path.read_bytes() == content  # the clinic's own folder is left alone


@pytest.mark.parametrize(
    ("age_s", "entered"),
    [(SETTLE, True), (SETTLE - 1, False), (0, False), (-3600, False), (10 * SETTLE, True)],
)
def test_a_file_settles_against_the_cut_off_and_no_clock(
    age_s: float, entered: bool, landing: Path
) -> None:
    put(landing, "koos_20251103.csv", age=dt.timedelta(seconds=age_s))

    found = look(landing)

    assert bool(found.receipts) is entered
    assert found.waiting == (() if entered else ("koos_20251103.csv",))


def test_a_done_marker_beside_it_settles_at_once(landing: Path) -> None:
    put(landing, "koos_20251103.csv", age=dt.timedelta(0))
    put(landing, "koos_20251103.csv.done", b"", age=dt.timedelta(0))

    found = look(landing)

    assert [r.file_name for r in found.receipts] == ["koos_20251103.csv"]
    assert found.waiting == ()


def test_a_done_marker_is_no_delivery_and_settles_no_other_file(landing: Path) -> None:
    put(landing, "koos_20251103.csv.done", b"")
    put(landing, "berg_20251103.csv", age=dt.timedelta(0))

    assert look(landing) == Inbox((), ("berg_20251103.csv",))


@pytest.mark.parametrize("suffix", [".part", ".tmp", ".filepart", ".crdownload", ".PART", ".Tmp"])
def test_an_unfinished_name_waits_however_old_it_is(suffix: str, landing: Path) -> None:
    put(landing, f"koos_20251103.csv{suffix}", age=dt.timedelta(days=3))

    assert look(landing) == Inbox((), (f"koos_20251103.csv{suffix}",))


def test_a_waiting_file_is_entered_on_a_later_night(landing: Path) -> None:
    put(landing, "koos_20251103.csv", age=dt.timedelta(0))
    look(landing)

    (receipt,) = look(landing, CUTOFF + dt.timedelta(days=1)).receipts

    assert receipt.received_utc == "2025-11-05T03:15:00"


def test_a_folder_that_is_not_there_yet_is_an_empty_one(tmp_path: Path) -> None:
    assert receive(tmp_path / "home", "alder", tmp_path / "nowhere", CUTOFF, SETTLE) == Inbox(
        (), ()
    )


def test_hidden_files_folders_and_links_are_no_deliveries(landing: Path) -> None:
    put(landing, ".koos_20251103.csv.Xy12")  # rsync writes under such a name
    (landing / "archive").mkdir()
    put(landing / "archive", "koos_20251103.csv")
    (landing / "passwd_20251103.csv").symlink_to("/etc/passwd")

    assert look(landing) == Inbox((), ())


# --- once and for all


def test_a_second_call_enters_nothing(landing: Path) -> None:
    put(landing, "koos_20251103.csv")
    put(landing, "berg_20251103.csv", b"other")
    home = landing.parent / "home"
    look(landing)
    before = {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.is_file()}

    assert look(landing) == Inbox((), ())
    assert look(landing, CUTOFF + dt.timedelta(days=1)) == Inbox((), ())
    assert {p: p.stat().st_mtime_ns for p in home.rglob("*") if p.is_file()} == before


def test_the_same_bytes_again_are_a_duplicate_receipt_and_nothing_else(landing: Path) -> None:
    put(landing, "koos_20251103.csv", b"same")
    (first,) = look(landing).receipts
    put(landing, "koos_20251110.csv", b"same")

    (again,) = look(landing, CUTOFF + dt.timedelta(days=7)).receipts

    assert (first.status, again.status) == ("received", "duplicate")
    assert again.delivery_id == first.delivery_id
    assert again.receipt_id != first.receipt_id
    assert len(list((landing.parent / "home" / "raw").rglob("*/*"))) == 1


def test_two_copies_in_one_night_are_one_delivery(landing: Path) -> None:
    for name in ("a_20251103.csv", "b_20251103.csv", "c_20251103.csv"):
        put(landing, name, b"same")

    found = look(landing).receipts

    assert [r.status for r in found] == ["received", "duplicate", "duplicate"]
    assert len({r.receipt_id for r in found}) == 3
    assert receipts(landing.parent / "home", "alder") == list(found)


def test_new_content_under_an_old_name_is_a_new_delivery(landing: Path) -> None:
    put(landing, "koos_20251103.csv", b"first")
    (first,) = look(landing).receipts
    put(landing, "koos_20251103.csv", b"other", age=SETTLED - dt.timedelta(hours=1))

    (second,) = look(landing, CUTOFF + dt.timedelta(days=1)).receipts

    assert second.status == "received"
    assert second.delivery_id != first.delivery_id


def test_each_clinic_has_its_own_ledger(landing: Path) -> None:
    put(landing, "koos_20251103.csv")
    home = landing.parent / "home"
    look(landing)

    (receipt,) = receive(home, "birke", landing, CUTOFF, SETTLE).receipts

    assert receipt.status == "received"
    assert receipt.delivery_id.startswith("birke-")


# --- raw


def test_the_raw_copy_has_the_same_bytes_and_cannot_be_written(landing: Path) -> None:
    content = bytes(range(256)) * 1000
    put(landing, "koos_20251103.csv", content)
    home = landing.parent / "home"

    (receipt,) = look(landing).receipts
    raw = raw_path(home, receipt)

    assert raw.read_bytes() == content
    assert raw.name == hashlib.sha256(content).hexdigest()
    assert raw.stat().st_mode & 0o777 == 0o444


def test_a_file_that_changes_while_it_is_taken_waits(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender appends between hashing and copying: bytes must never lie under another content's name."""
    path = put(landing, "koos_20251103.csv", b"first half")
    hashed = files.sha256_of

    def append_after_hashing(asked: Path) -> str:
        found = hashed(asked)
        if asked == path and asked.stat().st_size == 10:
            asked.write_bytes(b"first half, second half")
        return found

    monkeypatch.setattr(files, "sha256_of", append_after_hashing)

    assert look(landing) == Inbox((), ("koos_20251103.csv",))
    assert not [p for p in (landing.parent / "home" / "raw").rglob("*") if p.is_file()]
    assert receipts(landing.parent / "home", "alder") == []


def test_a_run_killed_before_its_receipt_is_taken_up_again(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(landing, "koos_20251103.csv", b"bytes")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            look(landing)
    assert receipts(landing.parent / "home", "alder") == []

    (receipt,) = look(landing).receipts

    assert receipt.status == "received"


# --- names


@pytest.mark.parametrize(
    "name",
    ["..csv_20251103", "-rf_20251103.csv", "koos 20251103 (1).csv", "koos\n20251103.csv", "<script>.csv",
     "=cmd|'calc'!A0.csv", "\u202egnp.csv", "$(reboot).csv", "..\\..\\x.csv", "%2e%2e%2fx.csv",
     "naïve_20251103.csv", b"caf\xe9_20251103.csv", b"\xff\xfe.csv", "a" * 250 + ".csv"],
)  # fmt: skip
def test_a_hostile_name_is_entered_as_a_fact_and_leads_nowhere(
    name: str | bytes, landing: Path
) -> None:
    put(landing, name)
    home = landing.parent / "home"
    if os.fsdecode(name).startswith("."):
        assert look(landing) == Inbox((), ())
        return

    (receipt,) = look(landing).receipts

    receipt.file_name.encode("utf-8")  # can be printed and stored
    assert receipts(home, "alder") == [receipt]
    assert look(landing) == Inbox((), ())
    written = {p.relative_to(home).parts[:2] for p in home.rglob("*") if p.is_file()}
    assert written == {("raw", "alder"), ("ledger", "receipts")}


def test_an_empty_file_is_a_delivery_too(landing: Path) -> None:
    put(landing, "koos_20251103.csv", b"")

    (receipt,) = look(landing).receipts

    assert receipt.n_bytes == 0


def test_what_is_never_a_delivery_is_named(tmp_path):
    (tmp_path / ".koos_20251103.csv.Xy12").write_bytes(b"x")
    (tmp_path / "archive").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "archive")
    (tmp_path / "koos_20251103.csv").write_bytes(b"x")

    assert passed_over(tmp_path) == (".koos_20251103.csv.Xy12", "archive", "link.csv")
    assert passed_over(tmp_path / "none") == ()
