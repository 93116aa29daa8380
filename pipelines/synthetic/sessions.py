"""Training sessions: what was planned, whether the participant came, dose, strain and pain.

Walking backward is slower and harder, but only in fields marked `reveals: arm`: everything else here is drawn
without a look at the arm, so that an open table cannot tell it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.answers import protocol, whole
from pipelines.synthetic.dose import Dose, drawn_dose
from pipelines.synthetic.people import People
from pipelines.synthetic.visits import Visits

_REASONS = ("illness", "transport", "pain", "adverse_event", "holiday", "equipment", "unknown")
_REASON_SHARES = (0.28, 0.2, 0.12, 0.03, 0.25, 0.06, 0.06)
_STOPS = ("fatigue", "pain", "dizziness", "participant", "equipment")
_PATTERNS = np.array([[0, 2, 4], [1, 3, 4], [0, 1, 3]])  # weekdays of a participant's sessions
_NOTES = {
    "en": ('Kept a steady pace, no complaints', 'Asked for "one more round"; declined',
           'Shorter steps at first, better after the break'),
    "de": ("Gleichmäßiges Tempo, keine Beschwerden", 'Wollte "noch eine Runde"; abgelehnt',
           "Anfangs kürzere Schritte, nach der Pause größer"),
    "es": ("Ritmo constante, sin molestias", 'Pidió "una vuelta más"; no se hizo',
           "Al principio pasos cortos; mejoró después del descanso, mañana igual"),
    "fr": ("Allure régulière, sans gêne", "A demandé « un tour de plus » ; refusé",
           "Pas plus courts au début, mieux après la pause"),
    "it": ("Andatura regolare, nessun disturbo", 'Ha chiesto "un altro giro"; no',
           "Passi più corti all'inizio, meglio dopo la pausa"),
}  # fmt: skip


@dataclass(frozen=True)
class Sessions:
    """Planned sessions that were due: one entry each, by participant and number."""

    who: np.ndarray
    number: np.ndarray
    date: np.ndarray
    attended: np.ndarray
    start_local: np.ndarray
    start_utc: np.ndarray
    actual_min: np.ndarray
    speed_mps: np.ndarray
    grade_pct: np.ndarray
    treadmill: np.ndarray
    fall: np.ndarray


def plan(contract: Contract, people: People, rng: np.random.Generator) -> tuple[Sessions, Dose]:
    """The programme as it went, for every participant until withdrawal."""
    programme = contract.study.programme
    n, k = len(people.clinic), programme.weeks * programme.sessions_per_week
    monday = people.randomised + 7 - frames.weekday(people.randomised)
    pattern = _PATTERNS[rng.integers(0, len(_PATTERNS), n)]
    week, place = np.divmod(np.arange(k), programme.sessions_per_week)
    date = monday[:, None] + 7 * week + pattern[:, place % pattern.shape[1]]
    dose = drawn_dose(contract, people, (n, k), rng)
    start_min = rng.integers(8 * 4, 16 * 4, (n, k)) * 15
    start_local = date.astype("datetime64[m]") + start_min
    treadmill = rng.random((n, k)) < 0.4
    speed = rng.normal(np.where(people.test_arm, 0.55, 0.95)[:, None], 0.08, (n, k))
    grade = rng.integers(0, 4, (n, k)) * 0.5
    fall = dose.attended & (rng.random((n, k)) < 0.002)
    due = date < (people.randomised + people.end_day)[:, None]
    who, number = np.nonzero(due)
    at = (who, number)
    return Sessions(
        who=who, number=number + 1, date=date[at], attended=dose.attended[at],
        start_local=start_local[at],
        start_utc=frames.to_utc(start_local[at], people.clinic[who], contract),
        actual_min=dose.actual_min[at], speed_mps=speed[at].clip(0.25, 1.35).round(2),
        grade_pct=grade[at], treadmill=treadmill[at], fall=fall[at],
    ), dose.at(at)  # fmt: skip


def session(
    contract: Contract,
    people: People,
    visits: Visits,
    runs: Sessions,
    dose: Dose,
    serial: pl.Series,
    ae: np.ndarray,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """The session log. `serial` is the watch worn; `ae` marks sessions with an adverse event."""
    n, who, came = len(runs.who), runs.who, runs.attended
    back = people.test_arm[who]
    arms = contract.study.arms
    belt = came & runs.treadmill
    clinics = list(contract.clinics.values())

    rest = (70 - 9 * people.beta_blocker[who] + rng.normal(0, 6, n)).clip(50, 100).round()
    mean_hr = rest + (24 + 7 * back + rng.normal(0, 5, n)).clip(6, 55).round()
    peak_hr = mean_hr + (12 + 3 * back + rng.normal(0, 4, n)).clip(2, 30).round()
    sys_pre = rng.normal(131, 11, n).clip(98, 172).round()
    dia_pre = rng.normal(79, 6, n).clip(56, 95).round()
    sys_post = sys_pre + (6 + 4 * back + rng.normal(0, 5, n)).clip(-8, 25).round()
    dia_post = dia_pre + rng.normal(0, 4, n).clip(-8, 10).round()
    cr10 = people.clinic[who] % 4 == 3
    effort = rng.normal(0, 1, n) + 0.8 * back
    rpe = np.where(cr10, (3.5 + effort).clip(1, 8), (11.5 + 1.3 * effort).clip(7, 17)).round()

    # Before a session pain is the participant's own level; what happened since is not in it.
    level = visits.scores["pain.average_7d"][who, 0]
    pre = whole((level - 3 + rng.normal(0, 0.9, n)).clip(0, 5), rng).clip(0, 5)
    rises = dose.progression == 0  # 0 progress: pain must not have risen much
    back_off = dose.progression == 2  # a level down: pain went above the limit, or the knee swelled
    rpe = np.where(rises & ~cr10, np.minimum(rpe, 13), rpe)
    after = rng.choice(4, n, p=[0.25, 0.45, 0.22, 0.08]) - 1 + (rng.random(n) < 0.1) * back
    after = np.where(rises, np.minimum(after, 2), after)
    post = np.where(back_off, np.maximum(pre + after, 3), pre + after).clip(0, 5)
    next_day = (pre + np.where(rises, rng.integers(-1, 1, n), rng.integers(-1, 3, n))).clip(0, 10)
    during = np.maximum(np.maximum(pre, post), 0) + rng.integers(0, 2, n)
    during = np.where(back_off, np.maximum(during, 6), np.minimum(during, 5))

    def few(chance: np.ndarray) -> np.ndarray:
        # Uniform draws use up the generator alike for either arm; Poisson draws would not.
        return (rng.random((n, 3)) < chance[:, None]).sum(axis=1)

    actual_dist = runs.speed_mps * runs.actual_min * 60
    rest_min = (rng.integers(2, 8, n) + 2 * back).astype(float)
    # The end is open, rest is not: room for the longest rest whoever walks.
    length = (runs.actual_min + rng.integers(12, 30, n)).round().astype(int)
    entered = (runs.date + 1).astype("datetime64[m]") + 9 * 60 + rng.integers(0, 180, n)
    columns = people.repeat(who) | {
        "_known": runs.date + 1,  # the log is written up the next morning, with the 24-hour pain
        "session_no": runs.number,
        "scheduled_date": runs.date,
        "attended": came,
        "start_utc": frames.only(runs.start_utc, came),
        "end_utc": frames.only(runs.start_utc + length.astype("timedelta64[m]"), came),
        "not_done_reason": frames.chosen(
            _REASONS, rng.choice(len(_REASONS), n, p=_REASON_SHARES), ~came
        ),
        "supervised": frames.only(rng.random(n) < 0.97, came),
        "therapist_code": frames.chosen(["T01", "T02", "T03"], (who + back) % 3),
        "assessor_code": frames.chosen(["E01", "E02"], who % 2),
        "mode_code": frames.chosen(["overground", "treadmill"], runs.treadmill.astype(int), came),
        "direction_code": frames.chosen([arms["reference"], arms["test"]], back.astype(int), came),
        "surface_code": frames.chosen(
            ["level_indoor", "level_outdoor", "treadmill_belt"],
            np.where(runs.treadmill, 2, rng.random(n) < 0.15).astype(int), came,
        ),
        "support_code": frames.chosen(
            ["none", "rail", "harness", "hand"],
            np.minimum((rng.random(n) * (1.4 + 2 * back)).astype(int), 3), came,
        ),
        "planned_min": dose.planned_min,
        "actual_min": frames.only(runs.actual_min, came),
        "planned_dist_m": (np.where(back, 0.55, 0.95) * dose.planned_min * 60).round(-1),
        "actual_dist_m": frames.only(actual_dist.round(0), came),
        "bouts_n": frames.only(rng.integers(2, 5, n) + 2 * back, came),
        "rest_min": frames.only(rest_min, came),
        "treadmill_speed_mps": frames.only(runs.speed_mps, belt),
        "grade_pct": frames.only(runs.grade_pct, belt),
        "hr_rest_bpm": frames.only(rest, came),
        "hr_mean_bpm": frames.only(mean_hr, came),
        "hr_peak_bpm": frames.only(peak_hr, came),
        "sys_pre_mmhg": frames.only(sys_pre, came),
        "dia_pre_mmhg": frames.only(dia_pre, came),
        "sys_post_mmhg": frames.only(sys_post, came),
        "dia_post_mmhg": frames.only(dia_post, came),
        "spo2_pct": frames.only(rng.normal(96.8, 1.1, n).clip(92, 99).round(), came),
        "rpe": frames.only(rpe, came),
        "rpe_scale": frames.chosen(["borg_6_20", "cr10"], cr10.astype(int), came),
        "nprs_pre": frames.only(pre, came),
        "nprs_during_max": frames.only(during.clip(0, 10), came),
        "nprs_post": frames.only(post, came),
        "nprs_24h": frames.only(next_day, came),
        "knee_swelling": frames.only((rng.random(n) < 0.3) & back_off, came),
        "footwear_ok": frames.only(np.ones(n, bool), came),
        "area_clear_ok": frames.only(np.ones(n, bool), came),
        "rail_available": frames.only(np.ones(n, bool), came),
        "gradual_progression_ok": frames.only(np.ones(n, bool), came),
        "level_planned": dose.level,
        "level_actual": frames.only(dose.level, came),
        "progression_code": frames.chosen(
            ["progress", "hold", "step_back"], dose.progression, came
        ),
        "stopped_early": frames.only(dose.stopped, came),
        "stop_reason": frames.chosen(
            _STOPS, rng.integers(0, len(_STOPS), n), came & dose.stopped
        ),
        "loss_of_balance_n": frames.only(few(0.12 + 0.10 * back), came),
        "near_fall_n": frames.only(few(0.02 + 0.03 * back), came),
        "fall_n": frames.only(runs.fall.astype(int), came),
        "ae_reported": frames.only(ae, came),
        "device_serial": frames.only(serial, came),
        "protocol_version": protocol(runs.date),
        "entered_utc": frames.to_utc(entered, people.clinic[who], contract),
        "entered_by": frames.chosen([f"U{k:02d}" for k in range(1, 7)], rng.integers(0, 6, n)),
        "session_note": _notes([clinic.language for clinic in clinics], people.clinic[who], came, rng),
    }  # fmt: skip
    return frames.table(contract, "session", columns)


def treadmill(
    contract: Contract, people: People, runs: Sessions, rng: np.random.Generator
) -> pl.DataFrame:
    """What the treadmill consoles recorded: one belt run per treadmill session."""
    used = np.flatnonzero(runs.attended & runs.treadmill)
    who = runs.who[used]
    arms = contract.study.arms
    minutes = runs.actual_min[used]
    speed = runs.speed_mps[used]
    delay = rng.integers(3, 9, len(used)).astype("timedelta64[m]")
    console = people.clinic[who] * 2 + used % 2
    columns = people.repeat(who) | {
        "_known": runs.date[used] + 1,
        "start_utc": runs.start_utc[used] + delay,
        "duration_min": minutes,
        "distance_m": (speed * minutes * 60 * rng.uniform(0.97, 1.03, len(used))).round(0),
        "speed_mean_mps": speed,
        "grade_pct": runs.grade_pct[used],
        "belt_direction_code": frames.chosen(
            [arms["reference"], arms["test"]], people.test_arm[who].astype(int)
        ),
        "device_serial": frames.chosen(
            [f"TM{4100 + 7 * k}" for k in range(2 * len(contract.clinics))], console
        ),
    }
    return frames.table(contract, "treadmill", columns)


def _notes(
    languages: list[str], clinic: np.ndarray, came: np.ndarray, rng: np.random.Generator
) -> pl.Series:
    """A therapist's remark now and then, in the clinic's language."""
    texts = [text for language in languages for text in _NOTES.get(language[:2], _NOTES["en"])]
    index = clinic * 3 + rng.integers(0, 3, len(clinic))
    return frames.chosen(texts, index, came & (rng.random(len(clinic)) < 0.05))
