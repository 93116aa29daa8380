"""What was planted into wearable files comes out of the warehouse, or is abstained from with a reason."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.model import Contract
from pipelines.synthetic.given import ACCOUNTS
from pipelines.synthetic.nights import NIGHTS
from pipelines.synthetic.study import deliver, write_study
from pipelines.synthetic.truth import make_trial
from tests.end_to_end.nights import NIGHT_1, rows, run_night

# Decided before looking: beyond these a planted event is missed.
STEPS_SHARE, STEPS_N, SPEED_MPS = 0.03, 2, 0.10
GAP_S, CLOCK_S, DRIFT_S_PER_DAY = 1.0, 1.0, 1.0
START_S, DISTANCE_SHARE, ACTIVITY_STEPS_N = 2.0, 0.01, 1
NO_STEPS = ("gpx", "polar_csv")  # accounts whose files have no number of steps
PEOPLE, SEED = 40, 1
NEEDED = {"participant", "session", "device_assignment"}  # what devices are held against
JUDGED = {"event": pl.String, "device": pl.String, "result": pl.String, "error": pl.Float64}


@pytest.fixture(scope="module")
def home(contract, tmp_path_factory) -> Path:
    """Three recordings of two hours, three of a day, and devices and logs that contradict each other."""
    home = tmp_path_factory.mktemp("worn")
    write_study(contract, home, participants=PEOPLE, seed=SEED, faults=False, wear_events=True)
    for path in deliver(home, 1):
        files = contract.clinics[path.parent.name].files.values()
        kind = next(kind for kind in files if re.fullmatch(kind.name, path.name))
        if kind.lab or (kind.format != "device" and not NEEDED & set(kind.tables)):
            path.unlink()
    run_night(home, NIGHT_1)
    return home


@pytest.fixture(scope="module")
def judged(contract, home) -> pl.DataFrame:
    """One row per planted event: `recovered`, `missed`, or `abstained: reason`."""
    parts = (
        *_walks(home), *_recordings(home), _sessions(home), *_clock(home), _swaps(home), _unlogged(home),
        *_owners(home), *_accounts(contract, home),
    )  # fmt: skip
    return pl.concat(
        part.select(pl.col(name).cast(kind) for name, kind in JUDGED.items()) for part in parts
    )


def _truth(home: Path, name: str) -> pl.DataFrame:
    types = {
        "device_serial": pl.String, "start_utc": pl.Datetime("us"), "end_utc": pl.Datetime("us"),
        "local_date": pl.Date,
    }  # fmt: skip
    path = home / "truth" / f"{name}.csv"
    columns = path.read_text().split("\n", 1)[0].split(",")
    told = pl.read_csv(path, schema_overrides={c: t for c, t in types.items() if c in columns})
    return told.with_columns(device=pl.col("file_name").str.extract(r"\.(\w+)$"))


def _events(home: Path, *kinds: str) -> pl.DataFrame:
    return _truth(home, "wear_events").filter(pl.col("event").is_in(kinds))


def _result(right: pl.Expr, reason: pl.Expr | None = None) -> pl.Expr:
    found = pl.when(right).then(pl.lit("recovered"))
    if reason is not None:
        found = found.when(reason.is_not_null()).then(pl.lit("abstained: ") + reason)
    return found.otherwise(pl.lit("missed")).alias("result")


def _walks(home: Path) -> tuple[pl.DataFrame, ...]:
    """Every planted walk beside the bouts within it; a long walk may be found in parts, the longest gives direction."""
    found = rows(
        home,
        """SELECT device_serial, start_utc AS from_utc, end_utc AS to_utc, steps_n AS found_n,
        speed_mean_mps AS found_mps, detected_direction_code AS found_direction, not_told
        FROM core_wear_bout WHERE bout_source_code = 'signal'""",
    ).with_columns(length=(pl.col("to_utc") - pl.col("from_utc")).dt.total_milliseconds())
    truth = _truth(home, "walks").with_row_index("walk")
    within = truth.join(found, on="device_serial").filter(
        pl.col("from_utc") < pl.col("end_utc"), pl.col("to_utc") > pl.col("start_utc")
    )
    timed = pl.col("length").filter(pl.col("found_mps").is_not_null())
    whole = within.group_by("walk").agg(
        pl.col("found_n").sum(),
        (pl.col("found_mps") * pl.col("length")).sum() / timed.sum(),
        pl.col("found_direction", "not_told").sort_by("length").last(),
    )  # fmt: skip
    beside = truth.join(whole, on="walk", how="left")
    assert beside.height == truth.height > 90
    steps, speed = pl.col("found_n") - pl.col("steps_n"), pl.col("found_mps") - pl.col("speed_mps")
    most = pl.max_horizontal(STEPS_SHARE * pl.col("steps_n"), pl.lit(STEPS_N))
    direction = pl.when(pl.col("found_direction") == "abstain").then(
        pl.col("not_told").str.extract(r"direction:(\w+)")
    )
    no_speed = pl.when(pl.col("found_mps").is_null()).then(pl.col("not_told"))
    return (
        beside.with_columns(_result(steps.abs() <= most), event=pl.lit("steps"), error=steps),
        beside.with_columns(
            _result(speed.abs() <= SPEED_MPS, no_speed), event=pl.lit("speed"), error=speed
        ),
        beside.with_columns(
            _result(pl.col("found_direction") == pl.col("direction"), direction),
            event=pl.lit("walked ") + pl.col("direction"), error=pl.lit(None, pl.Float64),
        ),
    )  # fmt: skip


def _recordings(home: Path) -> tuple[pl.DataFrame, ...]:
    """What a recording tells of its own gaps and clock; a gap must also be a finding."""
    found = rows(
        home,
        """SELECT r.device_serial, CAST(r.start_utc AS DATE) AS local_date, gaps_n, gap_s, drift_s_per_day, clock_offset_s,
        EXISTS (FROM ledger_finding AS f WHERE f.delivery_id = r.delivery_id AND f.rule = 'gap') AS said
        FROM core_recording AS r""",
    )
    judged = []
    for event, column, most in (
        ("gap", "gap_s", GAP_S),
        ("sample_drift", "drift_s_per_day", DRIFT_S_PER_DAY),
        ("read_out_offset", "clock_offset_s", CLOCK_S),
    ):
        beside = _events(home, event).join(
            found, on=["device_serial", "local_date"], how="left"
        ).with_columns(error=pl.col(column) - pl.col("value"))  # fmt: skip
        right = pl.col("error").abs() <= most
        if event == "gap":
            right &= pl.col("said") & (pl.col("gaps_n") == 1)
        judged.append(beside.with_columns(_result(right)))
    return tuple(judged)


def _session_wear(home: Path) -> pl.DataFrame:
    return rows(
        home,
        """SELECT participant_id, session_no AS number, session_date AS local_date, device_serial AS seen_by,
        wear_state, start_offset_s FROM core_session_wear""",
    )


def _sessions(home: Path) -> pl.DataFrame:
    events = _events(home, "session_walked", "session_not_walked")
    seen = _session_wear(home).drop("local_date")
    expected = pl.when(pl.col("event") == "session_walked").then(pl.lit("seen"))
    return (
        events.with_columns(number=pl.col("value").cast(pl.Int32))
        .join(seen, on=["participant_id", "number"], how="left")
        .with_columns(
            _result(pl.col("wear_state") == expected.otherwise(pl.lit("not_seen"))),
            error=pl.lit(None, pl.Float64),
        )
    )


def _clock(home: Path) -> tuple[pl.DataFrame, ...]:
    """A watch against the session log: each session, and the drift over all of them."""
    seen = _session_wear(home)
    offset = _events(home, "clock_offset").join(
        seen, on=["participant_id", "local_date"], how="left"
    ).with_columns(error=pl.col("start_offset_s") - pl.col("value"))  # fmt: skip
    clocks = rows(home, "SELECT device_serial, drift_s_per_day FROM core_device_clock")
    drift = _events(home, "clock_drift").join(clocks, on="device_serial", how="left")
    drift = drift.with_columns(error=pl.col("drift_s_per_day") - pl.col("value"))
    return (
        offset.with_columns(_result(pl.col("error").abs() <= CLOCK_S)),
        drift.with_columns(_result(pl.col("error").abs() <= DRIFT_S_PER_DAY)),
    )


def _swaps(home: Path) -> pl.DataFrame:
    """A swapped watch is held, not counted for who wore it by the assignment list."""
    held = rows(
        home,
        """SELECT d.file_name, max(f.severity) AS severity FROM ledger_finding AS f JOIN ledger_delivery AS d USING (delivery_id)
        WHERE f.rule = 'device_assigned' AND d.n_accepted = 0 GROUP BY 1""",
    )
    beside = _events(home, "swap").join(held, on="file_name", how="left")
    return beside.with_columns(
        _result(pl.col("severity") == "quarantine"), error=pl.lit(None, pl.Float64)
    )


def _owners(home: Path) -> tuple[pl.DataFrame, ...]:
    """Days worn by another, which must be an open question to the clinic, and days worn by the owner."""
    found = rows(
        home,
        """SELECT o.device_serial, s.wear_date AS local_date, o.owner_state, o.abstained, f.is_open AND f.severity = 'flag' AS is_asked
        FROM core_wear_owner AS o JOIN core_wear_day AS s USING (device_serial, participant_id, study_day)
        LEFT JOIN ledger_finding AS f ON f.rule = 'walks_unlike_owner' AND f.table_name = 'wear_bout'
            AND f.delivery_id = o.delivery_id AND f.row_no = o.row_no""",
    ).with_columns(pl.col("is_asked").fill_null(False), error=pl.lit(None, pl.Float64))  # fmt: skip
    recorded = _truth(home, "walks").unique(["device_serial", "file_name"]).select(
        "device_serial", "device", local_date=pl.col("start_utc").dt.date()
    )  # fmt: skip
    others = _events(home, "worn_by_another").select("device_serial", "local_date", "event")
    beside = (
        found.join(recorded, on=["device_serial", "local_date"])
        .join(others, on=["device_serial", "local_date"], how="left")
        .with_columns(pl.col("event").fill_null("worn by its owner"))
    )
    assert beside.height == recorded.height and others.height == 4
    by_other = pl.col("event") == "worn_by_another"
    right = pl.col("is_asked") & (pl.col("owner_state") == "unlike_owner")
    return (
        beside.filter(by_other).with_columns(_result(right, pl.col("abstained"))),
        beside.filter(~by_other).with_columns(
            _result(~pl.col("is_asked") & (pl.col("owner_state") == "like_owner"), pl.col("abstained"))
        ),
    )  # fmt: skip


def _accounts(contract: Contract, home: Path) -> tuple[pl.DataFrame, ...]:
    """Every session's walk that an account's file holds, beside the bout of that start."""
    trial = make_trial(contract, participants=PEOPLE, seed=SEED, as_of=NIGHTS[0].as_of)
    found = rows(
        home,
        """SELECT device_serial, start_utc AS found_utc, start_utc, distance_m AS found_m, steps_n AS found_n
        FROM core_wear_bout WHERE bout_source_code = 'device'""",
    )
    planted = trial.records["wear_bout"].filter(
        pl.col("device_maker").is_in(list(ACCOUNTS.values())),
        pl.col("device_serial").is_in(found["device_serial"].unique().to_list()),
    )
    devices = {maker: device for device, maker in ACCOUNTS.items()}
    planted = planted.with_columns(device=pl.col("device_maker").replace_strict(devices))
    last = pl.col("start_utc") == pl.col("start_utc").max().over("device_serial")
    planted = planted.filter((pl.col("device") != "polar_csv") | last)  # one session per file
    beside = planted.sort("start_utc").join_asof(
        found.sort("start_utc"), on="start_utc", by="device_serial", strategy="nearest",
        tolerance=f"{START_S:.0f}s", check_sortedness=False,
    )  # fmt: skip
    share = (pl.col("found_m") / pl.col("distance_m") - 1).alias("error")
    steps = (pl.col("found_n") - pl.col("steps_n")).alias("error")
    counted = beside.filter(~pl.col("device").is_in(NO_STEPS))
    return (
        beside.with_columns(
            share, _result(share.abs() <= DISTANCE_SHARE), event=pl.lit("activity distance (share)")
        ),
        counted.with_columns(
            steps, _result(steps.abs() <= ACTIVITY_STEPS_N), event=pl.lit("activity steps")
        ),
    )


def _unlogged(home: Path) -> pl.DataFrame:
    found = rows(home, "SELECT device_serial, walk_date AS local_date, seen_min FROM core_unlogged_walk")  # fmt: skip
    beside = _events(home, "walk_not_logged").join(
        found, on=["device_serial", "local_date"], how="left"
    ).with_columns(error=pl.col("seen_min") - pl.col("value"))  # fmt: skip
    assert beside.height == found.height  # no walk is called unlogged that was not planted
    return beside.with_columns(_result(pl.col("error").abs() <= 1 / 60))


def confusion(judged: pl.DataFrame) -> str:
    """The table of docs/wearables_truth/trial.md."""
    result = pl.col("result")
    table = judged.group_by("event", "device", maintain_order=True).agg(
        planted=pl.len(),
        recovered=(result == "recovered").sum(),
        abstained=result.str.starts_with("abstained").sum(),
        missed=(result == "missed").sum(),
        largest=pl.col("error").abs().max(),
        why=result.filter(result.str.starts_with("abstained")).str.strip_prefix("abstained: ").unique().sort().str.join(", "),
    )  # fmt: skip
    lines = [
        "| planted | file | n | recovered | abstained | missed | largest error | why abstained |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for row in table.sort("event", "device").iter_rows(named=True):
        error = "" if row["largest"] is None else f"{row['largest']:.3g}"
        lines.append(
            f"| {row['event'].replace('_', ' ')} | {row['device']} | {row['planted']} | {row['recovered']} "
            f"| {row['abstained']} | {row['missed']} | {error} | {row['why']} |"
        )
    return "\n".join(lines)


def test_every_planted_event_is_recovered_or_abstained_from_with_its_reason(judged):
    print(confusion(judged))  # noqa: T201
    assert judged.filter(result="missed").rows() == []
    assert judged["result"].null_count() == 0
    recovered = judged.filter(result="recovered")
    assert set(recovered["event"]) == {
        "steps", "speed", "walked forward", "walked backward", "gap", "sample_drift", "read_out_offset",
        "session_walked", "session_not_walked", "clock_offset", "clock_drift", "swap", "walk_not_logged",
        "activity distance (share)", "activity steps", "worn_by_another", "worn by its owner",
    }  # fmt: skip
    short = pl.col("result") == "abstained: recording_too_short_to_know_forward"
    assert recovered.height >= 0.95 * judged.filter(~short).height


@pytest.mark.parametrize("side", ["closed", "open"])
def test_each_swapped_day_is_a_query_to_its_clinic_and_no_other_day_is(home, side):
    """Both databases tell of it: how somebody walks forward says nothing of the arm."""
    asked = "SELECT clinic_id, count(*) AS n FROM {} WHERE rule = 'walks_unlike_owner' GROUP BY clinic_id"
    planted = _events(home, "worn_by_another").group_by("clinic_id").len("n").rows()
    assert planted[0][1] == 4
    for table in ("ledger_finding", "ref_query"):
        assert rows(home, asked.format(table), side).rows() == planted


def test_little_is_found_that_was_not_planted(home):
    """Bouts beside every planted walk: short, and less than a hundredth of the time walked."""
    walks = _truth(home, "walks").select("device_serial", "start_utc", "end_utc")
    found = rows(
        home,
        """SELECT row_number() OVER () AS bout, device_serial, start_utc AS from_utc, end_utc AS to_utc
        FROM core_wear_bout WHERE bout_source_code = 'signal'""",
    )
    planted = found.join(walks, on="device_serial").filter(
        pl.col("from_utc") < pl.col("end_utc"), pl.col("to_utc") > pl.col("start_utc")
    )
    beside = found.join(planted, on="bout", how="anti")
    beside_s = (beside["to_utc"] - beside["from_utc"]).dt.total_seconds().sum()
    walked_s = (walks["end_utc"] - walks["start_utc"]).dt.total_seconds().sum()
    print(f"{beside.height} bouts of {beside_s} s beside {walked_s} s planted")  # noqa: T201
    assert beside_s < 0.01 * walked_s
    assert found.height > walks.height * 0.95


def test_only_what_was_planted_is_held(home):
    held = rows(
        home, "SELECT DISTINCT rule FROM ledger_finding WHERE severity IN ('quarantine', 'refuse')"
    )
    assert held["rule"].to_list() == ["device_assigned"]
    assert rows(home, "SELECT DISTINCT status FROM ledger_delivery").item() == "accepted"
