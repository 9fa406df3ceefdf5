"""The demo company, opened once for all studies."""

from __future__ import annotations

import pytest

import cxstats as cx


@pytest.fixture(scope="session")
def demo() -> cx.Survey:
    return cx.open_survey("demo")
