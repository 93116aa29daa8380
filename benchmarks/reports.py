"""The whole set of reports and letters of 400 participants at 12 clinics: time, memory, and the same bytes again.

    python benchmarks/reports.py [--participants 400] [--home DIR]

The study is made up: the four declared clinics three times over, each under a name and number of its own. With
`--home` the study is kept there and used again. Exit code 1 where the pages are not the same bytes again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NIGHTS = ("2025-11-04T03:15:00Z", "2025-11-11T03:15:00Z")
COPIES = 3


def more_clinics(schemas: Path, to: Path) -> Path:
    """A contract with every clinic COPIES times."""
    shutil.copytree(schemas, to)
    originals = sorted((to / "clinics").glob("*.yaml"))
    for copy in range(1, COPIES):
        for place, path in enumerate(originals, start=1):
            text, number = path.read_text(encoding="utf-8"), f"{place + copy * len(originals):02d}"
            (old,) = re.findall(r'^prefix: "(\d+)"', text, re.M)
            text = re.sub(
                rf"(?<!\d){old}(?=-)", number, text
            )  # names of files hold participants' codes
            text = re.sub(r"^prefix: .*", f'prefix: "{number}"', text, flags=re.M)
            text = re.sub(r"^(name: .*)", rf"\1 {copy + 1}", text, flags=re.M)
            path.with_name(f"{path.stem}_{copy + 1}.yaml").write_text(text, "utf-8")
    return to


def backstep(home: Path, schemas: Path, *words: str) -> None:
    env = os.environ | {"BACKSTEP_SCHEMAS": str(schemas), "BACKSTEP_SETTLE_SECONDS": "0"}
    subprocess.run(
        [sys.executable, "-m", "pipelines", *words, "--home", str(home)],
        check=True, cwd=ROOT, env=env, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def prepare(home: Path, schemas: Path, participants: int) -> None:
    backstep(home, schemas, "demo", "--participants", str(participants))
    for number, night in enumerate(NIGHTS, start=1):
        backstep(home, schemas, "demo", "--deliver", str(number))
        backstep(home, schemas, "nightly", "--cutoff", night)


def timed(home: Path, schemas: Path, verb: str) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    backstep(home, schemas, verb)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tree(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in ("reports", "letters")
        for path in sorted((home / name).rglob("*"))
        if path.is_file()
    }


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--participants", type=int, default=400)
    ask.add_argument("--home", type=Path)
    given = ask.parse_args()
    with tempfile.TemporaryDirectory(prefix="backstep-reports-") as place:
        folder = given.home or Path(place)
        home, schemas = folder / "home", folder / "schemas"
        if not schemas.is_dir():
            more_clinics(ROOT / "schemas", schemas)
            prepare(home, schemas, given.participants)
        found = []
        for attempt in ("first", "again"):
            reports, letters = timed(home, schemas, "report"), timed(home, schemas, "letters")
            found.append(tree(home))
            print(
                f"{attempt:6} reports {reports[0]:5.1f} s ({reports[1]:.1f} CPU s), letters {letters[0]:4.1f} s ({letters[1]:.1f} CPU s)"
            )
        stamp = max(path.name for path in (home / "reports").iterdir() if path.is_dir())
        pages = [name for name in found[0] if stamp in name]
        kinds = {
            kind: sum(name.endswith(kind) for name in pages) for kind in (".html", ".pdf", ".xlsx")
        }
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{given.participants} participants, {len(list((schemas / 'clinics').glob('*.yaml')))} clinics; {kinds}; largest process {peak:,.0f} MB")  # fmt: skip
    changed = {name for name in found[0] | found[1] if found[0].get(name) != found[1].get(name)}
    print(f"files that are not the same bytes again: {len(changed)} {sorted(changed)[:5]}")
    return 1 if changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
