"""What the machine decides: folders, landing and mail. The only reader of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import BackstepError

_REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """Where things are on this machine, and whom to write to. Study policy is in `schemas/`."""

    home: Path
    schemas: Path
    landing: str  # a local path, or an s3:// or sftp:// URL; one folder per clinic below it
    smtp_host: str | None  # None: no mail is sent
    smtp_port: int
    smtp_from: str | None
    smtp_to: tuple[str, ...]
    digest_to: tuple[str, ...]  # study leads, who get the digest of each night
    settle_seconds: float  # a file is complete once its size and time have stood still this long

    @property
    def landing_is_remote(self) -> bool:
        """True where files must be fetched before they can be read."""
        return "://" in self.landing


def load_settings(home: Path | str | None = None) -> Settings:
    """The settings of this machine; `home` given by the caller beats BACKSTEP_HOME."""
    home = Path(home or _text("BACKSTEP_HOME") or "var").expanduser().resolve()
    return Settings(
        home=home,
        schemas=Path(_text("BACKSTEP_SCHEMAS") or _REPOSITORY / "schemas").expanduser().resolve(),
        landing=_text("BACKSTEP_LANDING") or str(home / "landing"),
        smtp_host=_text("BACKSTEP_SMTP_HOST"),
        smtp_port=int(_number("BACKSTEP_SMTP_PORT", default=25, least=1, most=65535)),
        smtp_from=_text("BACKSTEP_SMTP_FROM"),
        smtp_to=_addresses("BACKSTEP_SMTP_TO"),
        digest_to=_addresses("BACKSTEP_DIGEST_TO"),
        settle_seconds=_number("BACKSTEP_SETTLE_SECONDS", default=60, least=0, most=86_400),
    )


def _text(name: str) -> str | None:
    """The variable's text; an empty one counts as unset, as compose files leave them."""
    return os.environ.get(name, "").strip() or None


def _addresses(name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in (_text(name) or "").split(",") if part.strip())


def _number(name: str, *, default: float, least: float, most: float) -> float:
    text = _text(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise BackstepError(
            f"{name} is not a number from {least} to {most}",
            where="the environment",
            remedy=f"set it to such a number, or unset it for {default}",
        )
    return value
