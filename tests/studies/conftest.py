"""The demo company, its studies and their pictures: made once for all tests of a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import cxstats as cx


@pytest.fixture(scope="session")
def demo() -> cx.Survey:
    return cx.open_survey("demo")


@pytest.fixture(scope="session")
def demo_study(demo: cx.Survey) -> Callable[..., Any]:
    """A study of the demo by name and parameters; studies are frozen, so tests may share them."""
    made: dict[tuple, Any] = {}

    def study(name: str, **parameters: Any) -> Any:
        key = (name, *sorted(parameters.items()))
        if key not in made:
            made[key] = getattr(cx, name)(demo, **parameters)
        return made[key]

    return study


@pytest.fixture(scope="session")
def drawn() -> Callable[[Any], dict[str, dict[str, Any]]]:
    """A study's figures as they go into a page. Drawing takes longer than most studies, so each is drawn once."""
    made: dict[int, tuple[Any, dict[str, dict[str, Any]]]] = {}

    def figures(study: Any) -> dict[str, dict[str, Any]]:
        if id(study) not in made:  # the study is kept with its figures: its id stays its own
            made[id(study)] = (study, {key: figure.to_json() for key, figure in study.figures.items()})
        return made[id(study)][1]

    return figures
