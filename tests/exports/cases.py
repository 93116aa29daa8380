"""Rows by hand that several tests of exports build on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

SQL = Path(__file__).resolve().parents[2] / "sql"

# What a text from a clinic may try: formulas, quotes, separators, markup, line ends, other scripts, reversed text.
HOSTILE = '=HYPERLINK("x"),\';--\r\n<script>&amp;]]>\t| ü 雪 \u202eabc\u202c {{x}} {x} \\'
PERSON = {
    "participant_id": "01-001-3", "randomised_date": dt.date(2025, 3, 10), "arm": "BW",
    "condition_code": "knee_oa_kl12", "sex_code": "female", "index_knee_side": "left", "study_day": 1,
}  # fmt: skip
