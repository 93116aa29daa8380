"""`backstep export` from the command line."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.errors import BuildStopped


def test_the_verb_writes_the_folder_and_says_how_much(rendered_home, tmp_path):
    said = CliRunner().invoke(
        app,
        ["export", "--home", str(rendered_home), "--to", str(tmp_path / "out"), "--kind", "cdisc"],
    )

    assert said.exit_code == 0, said.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["kind"], manifest["audience"]) == ("cdisc", "open")
    assert f"{sum(manifest['rows'].values())} rows of 6 tables" in said.output


def test_a_night_that_was_not_built_is_not_exported(rendered_home, tmp_path):
    said = CliRunner().invoke(
        app,
        ["export", "--home", str(rendered_home), "--to", str(tmp_path / "out"), "--cutoff", "2025-01-01T00:00:00Z"],
    )  # fmt: skip

    assert isinstance(said.exception, BuildStopped)
    assert "build --cutoff" in said.exception.remedy
    assert not (tmp_path / "out").exists()
