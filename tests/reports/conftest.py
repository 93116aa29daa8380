"""One small made-up study, built once, for the pages."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def home(rendered_home):
    return rendered_home
