"""Visits to a gait lab: trials walked both ways by a half of the participants of clinics that have one."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.contracts.model import Contract
from pipelines.synthetic import frames
from pipelines.synthetic.answers import head
from pipelines.synthetic.people import People
from pipelines.synthetic.timed import repeat
from pipelines.synthetic.visits import Forms, Visits

VISITS = ("BL", "W6")
_WALKED = ("FW", "BW", "FW", "BW")  # trials 1 to 4: two at own speed, two at a set one
_EVERY = 2  # participant of a clinic
_BACKWARD_SPEED = 0.7  # of the forward one
_STANCE_SHARE_S = 0.68  # stance at 1 m/s; it shortens as speed rises
STANCE_SCHEMA = {
    "participant_id": pl.String, "assessed_date": pl.Date, "trial_no": pl.Int64, "stance_side_code": pl.String,
    "stance_no": pl.Int64, "ekam_first_peak_nm_per_kg": pl.Float64, "ekam_second_peak_nm_per_kg": pl.Float64,
    "kaai_nms_per_kg": pl.Float64,
}  # fmt: skip


def labs(contract: Contract) -> dict[str, str]:
    """The clinics with a gait lab, and the kind of file that its moments come in."""
    return {
        name: kind
        for name, clinic in contract.clinics.items()
        for kind, file in clinic.files.items()
        if file.lab is not None
    }


def lab_trial(
    contract: Contract, people: People, visits: Visits, rng: np.random.Generator
) -> pl.DataFrame:
    """Four trials per visit; those at a set speed are within 2 % of the comfortable one."""
    with_lab = np.isin(people.clinic_id.to_numpy(), list(labs(contract)))
    number = people.participant_id.str.slice(3, 3).cast(pl.Int64).to_numpy()
    at = np.isin(visits.codes, VISITS)
    who, visit = np.nonzero(visits.held & at & (with_lab & (number % _EVERY == 0))[:, None])
    forms = repeat(Forms(who, visit, visits.date[who, visit]), len(_WALKED))
    trial = np.tile(np.arange(len(_WALKED)), len(who))
    backward = np.array([walked == "BW" for walked in _WALKED])[trial]
    usual = visits.scores["10mwt.self_selected_speed"][forms.who, forms.visit].clip(0.4, 1.8)
    usual = (usual * np.where(backward, _BACKWARD_SPEED, 1.0)).round(2)
    is_set = trial >= 2
    spread = np.where(is_set, 0.02, 0.06)
    speed = (usual * (1 + rng.uniform(-spread, spread))).round(2)
    stance = (_STANCE_SHARE_S / np.sqrt(speed)).clip(0.35, 1.6)
    columns = head(people, visits, forms) | {
        "trial_no": trial + 1,
        "lab_direction_code": frames.chosen(_WALKED, trial),
        "lab_speed_mps": speed,
        "speed_controlled": is_set,
        "comfortable_speed_mps": usual,
        "stance_left_s": (stance * (1 + rng.uniform(-0.02, 0.02, len(stance)))).round(3),
        "stance_right_s": (stance * (1 + rng.uniform(-0.02, 0.02, len(stance)))).round(3),
    }
    return frames.table(contract, "lab_trial", columns)
