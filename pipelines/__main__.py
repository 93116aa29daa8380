"""The `backstep` command."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from pipelines.cli import night, study
from pipelines.cli.console import app
from pipelines.errors import BackstepError

VERBS = (night, study)  # importing them registers their verbs


def main() -> None:
    """Runs the command; an expected failure prints what, where and what to do, and sets its exit code."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except BackstepError as fault:
        Console(stderr=True).print(f"[bold red]{type(fault).__name__}[/]: ", end="")
        Console(stderr=True, markup=False, highlight=False).print(str(fault))
        sys.exit(fault.exit_code)
    except typer.Abort:
        sys.exit(130)
    except Exception as fault:  # click's usage errors know how to show themselves
        if hasattr(fault, "show") and hasattr(fault, "exit_code"):
            fault.show()
            sys.exit(fault.exit_code)
        raise


if __name__ == "__main__":
    main()
