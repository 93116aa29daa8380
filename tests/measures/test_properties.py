"""What must hold for any answers, and the classic mistakes, each shown to fail a worked vector."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.measures import discovered
from tests.measures.cases import answer_rows, scores

KOOS = discovered()["koos"].MEASURE.scales
PREFIXES = {"pain": "p", "symptoms": "s", "adl": "a", "sport_rec": "sp", "qol": "q"}
SUBSCALES = sorted(PREFIXES)
answer = st.one_of(st.none(), st.integers(0, 4))
few = settings(max_examples=40, deadline=None, derandomize=True)


def answers_of(subscale: str) -> st.SearchStrategy[list[int | None]]:
    size = len(KOOS[subscale].items)
    return st.lists(answer, min_size=size, max_size=size)


def koos(subscale: str, given_answers: list[int | None]) -> float | None:
    rows = answer_rows("koos", {PREFIXES[subscale]: given_answers})
    return scores("koos", rows).get(subscale)


def walk(times_s: list[float], distance_m: float, order: int = 0) -> float:
    rows = [
        {"walk_test_code": "10mwt", "pace_code": "fast", "timed_distance_m": distance_m}
        | {"time_s": time_s, "trial_no": number, "row_no": number}
        for number, time_s in enumerate(times_s, 1)
    ]
    random.Random(order).shuffle(rows)
    return scores("10mwt", rows)["fast_speed"]


@pytest.mark.parametrize("subscale", SUBSCALES)
def test_koos_stays_in_range_and_needs_half_the_items(subscale):
    @few
    @given(answers_of(subscale))
    def holds(answers):
        value = koos(subscale, answers)
        answered = [a for a in answers if a is not None]
        if 2 * len(answered) >= len(answers):
            assert value is not None and 0 <= value <= 100
        else:
            assert value is None

    holds()


@few
@given(answers_of("symptoms"), st.integers(0, 6))
def test_a_worse_answer_never_raises_koos(answers, place):
    worse = list(answers)
    if worse[place] is None or worse[place] == 4:
        worse[place] = answers[place]
    else:
        worse[place] += 1
    before, after = koos("symptoms", answers), koos("symptoms", worse)

    if before is not None and worse != answers:
        assert after < before
    else:
        assert after == before


@few
@given(answers_of("pain"), st.randoms(use_true_random=False))
def test_koos_items_weigh_the_same(answers, chance):
    shuffled = list(answers)
    chance.shuffle(shuffled)

    assert koos("pain", shuffled) == koos("pain", answers)


@few
@given(
    st.lists(st.integers(0, 4), min_size=14, max_size=14),
    st.randoms(use_true_random=False),
)
def test_berg_is_in_range_and_indifferent_to_order(answers, chance):
    shuffled = list(answers)
    chance.shuffle(shuffled)

    total = scores("berg", answer_rows("berg", {"": answers}))["total"]

    assert 0 <= total <= 56
    assert scores("berg", answer_rows("berg", {"": shuffled}))["total"] == total


@few
@given(
    st.lists(st.floats(2, 60), min_size=1, max_size=4),
    st.floats(3, 20),
    st.integers(1, 99),
)
def test_speed_lies_between_the_trials_and_ignores_the_order_of_rows(times_s, distance_m, order):
    speed = walk(times_s, distance_m)

    assert (
        distance_m / max(times_s) * (1 - 1e-12) <= speed <= distance_m / min(times_s) * (1 + 1e-12)
    )
    assert walk(times_s, distance_m, order) == speed


@few
@given(
    st.lists(st.floats(0, 60), min_size=1, max_size=4),
    st.sampled_from([10.0, 20.0, 30.0]),
)
def test_stance_never_passes_the_shared_cap_and_a_later_cap_never_helps(times_s, cap_s):
    def best(clinic_cap_s: float) -> dict[str, float]:
        rows = [
            {"balance_test_code": "sls", "eyes_code": "open", "cap_s": clinic_cap_s}
            | {
                "time_s": min(time_s, clinic_cap_s),
                "trial_no": number,
                "row_no": number,
            }
            for number, time_s in enumerate(times_s, 1)
        ]
        return scores("sls", rows, cap_s=cap_s)

    assert best(cap_s) == best(60.0)
    assert best(cap_s)["best"] == min(max(times_s), cap_s)


def naive_zero_filled(answers: list[int | None]) -> float:
    return 100 - sum(a or 0 for a in answers) / len(answers) / 4 * 100


def naive_upside_down(answers: list[int | None]) -> float:
    answered = [a for a in answers if a is not None]
    return sum(answered) / len(answered) / 4 * 100


def test_trap_missing_counted_as_no_problem():
    answers = [1, 2, 1, 0, 1, None, None, None, None]

    assert naive_zero_filled(answers) == pytest.approx(86.1, abs=0.05)
    assert koos("pain", answers) == 75.0


def test_trap_direction():
    answers = [1, 2, 1, 0, 1, 2, 1, 0, 1]

    assert naive_upside_down(answers) == 25.0
    assert koos("pain", answers) == 75.0


def test_trap_ten_metres_hard_coded():
    assert 10 / 6.0 == pytest.approx(1.67, abs=0.005)
    assert walk([6.0], 6.0) == 1.0


def test_trap_total_distance_over_total_time():
    assert 12 / 13.5 == pytest.approx(0.889, abs=0.0005)
    assert walk([6.0, 7.5], 6.0) == pytest.approx(0.9, abs=1e-12)
