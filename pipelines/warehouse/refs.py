"""Reference tables: thresholds, fields, rules, visits, clinics, and what this build is."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from pipelines import __version__, measures
from pipelines.contracts.across import across_rules
from pipelines.contracts.build_rules import build_rules
from pipelines.contracts.model import Contract
from pipelines.contracts.rule_list import LINE_TABLE, reveals_arm, rules_of
from pipelines.contracts.rules import Rule
from pipelines.contracts.tables import describe, duckdb_type
from pipelines.errors import StudyFileError

CANARY_SCHEMA = {
    "fault": pl.String, "table_name": pl.String, "rule": pl.String, "planted_n": pl.Int64, "caught_n": pl.Int64,
}  # fmt: skip


def create_refs(con: duckdb.DuckDBPyConnection, contract: Contract, cutoff: dt.datetime) -> None:
    """ref_threshold, ref_field, ref_rule, ref_visit, ref_clinic, ref_study, ref_build, and what the core needs."""
    study = contract.study
    _table(con, "ref_threshold", _thresholds(contract))
    _table(con, "ref_field", pl.DataFrame([
        {"table_name": table, "field": name, "type": duckdb_type(field), "unit": field.unit,
         "description": describe(contract, name), "known_as": ", ".join(field.known_as) or None,
         "reveals_arm": field.reveals == "arm", "identifies": field.identifies}
        for table, declared in contract.tables.items()
        for name in declared.fields for field in [contract.fields[name]]
    ], infer_schema_length=None))  # fmt: skip
    _table(
        con,
        "ref_rule",
        pl.DataFrame(
            [_rule_row(contract, rule) for rule in all_rules(contract)], infer_schema_length=None
        ),
    )
    _table(con, "ref_visit", pl.DataFrame([
        {"visit_code": name, "visit_order": number, "target_day": visit.target, "from_day": visit.from_,
         "to_day": visit.to, "is_baseline": visit.to <= 0, "is_primary": name == study.primary_visit}
        for number, (name, visit) in enumerate(study.visits.items(), start=1)
    ]))  # fmt: skip
    _table(con, "ref_study", pl.DataFrame([
        {"name": "interruption_sessions", "value": float(study.programme.interruption_sessions)},
        {"name": "sessions_planned", "value": float(study.programme.weeks * study.programme.sessions_per_week)},
        *({"name": f"progression_{name}", "value": float(value)} for name, value in study.programme.progression),
    ]))  # fmt: skip
    _table(
        con,
        "ref_build",
        pl.DataFrame(
            [
                {
                    "cutoff_utc": cutoff,
                    "code_version": __version__,
                    "contract_digest": contract.digest,
                }
            ]
        ),
    )
    con.execute(
        "CREATE TEMP TABLE visit_window AS SELECT visit_code, from_day, to_day FROM ref_visit"
    )
    days = [
        {"clinic_id": c.clinic_id, "today_date": local_day(cutoff, c.time_zone)}
        for c in contract.clinics.values()
    ]
    _table(con, "clinic_day", pl.DataFrame(days), "TEMP TABLE")


def local_day(cutoff: dt.datetime, time_zone: str) -> dt.date:
    """The calendar date on a clinic's wall at the cut-off."""
    return cutoff.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(time_zone)).date()


def all_rules(contract: Contract) -> list[Rule]:
    """Every rule of every table, those over several tables, and those that only the build can put to a row."""
    found = [rule for table in [*contract.tables, LINE_TABLE] for rule in rules_of(contract, table)]
    for table in contract.tables:
        found += [*across_rules(contract, table), *build_rules(table)]
    return found


def create_clinics(
    con: duckdb.DuckDBPyConnection, contract: Contract, stale: dict[str, str]
) -> None:
    """ref_clinic: each clinic, its zone, and whether its data are stale and why."""
    _table(con, "ref_clinic", pl.DataFrame(
        [{"clinic_id": c.clinic_id, "clinic_name": c.name, "time_zone": c.time_zone,
          "is_stale": c.clinic_id in stale, "stale_reason": stale.get(c.clinic_id)}
         for c in contract.clinics.values()],
        schema_overrides={"stale_reason": pl.String},
    ))  # fmt: skip


def create_canaries(con: duckdb.DuckDBPyConnection, canaries: pl.DataFrame) -> None:
    """ref_canary: each planted fault of the night, and whether it was caught."""
    _table(con, "ref_canary", canaries)


def _thresholds(contract: Contract) -> pl.DataFrame:
    """Every published threshold; `is_reported` marks those the study judges by (in the unit of the scale)."""
    rows = measures.thresholds()
    unit_of = {
        (name, scale): body.unit
        for name, module in measures.discovered().items()
        for scale, body in module.MEASURE.scales.items()
    }
    chosen = [(*c.scale.split(".", 1), c.purpose, c.population) for c in contract.study.thresholds]
    keys = rows.select("measure", "scale", "purpose", "population").rows()
    usable = [
        key in chosen and (relative or unit == unit_of[key[:2]])
        for key, relative, unit in zip(keys, rows["relative"], rows["unit"], strict=True)
    ]
    found = {key for key, used in zip(keys, usable, strict=True) if used}
    for choice in chosen:
        if choice not in found:
            raise StudyFileError(
                f"no published threshold fits {' '.join(choice)}",
                where="study.yaml, thresholds",
                remedy="use a population and unit of ref_threshold",
            )
    return rows.with_columns(is_reported=pl.Series(usable))


def _rule_row(contract: Contract, rule: Rule) -> dict:
    return {
        "table_name": rule.table, "rule": rule.name, "field": rule.field, "kind": rule.kind,
        "severity": rule.severity, "description": rule.description, "remedy": rule.remedy,
        "reveals_arm": reveals_arm(contract, rule),
    }  # fmt: skip


def _table(
    con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame, kind: str = "TABLE"
) -> None:
    con.register("incoming", frame.to_arrow())
    con.execute(f"CREATE {kind} {name} AS SELECT * FROM incoming ORDER BY ALL")
    con.unregister("incoming")
