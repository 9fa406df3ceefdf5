"""Surveys made of rows, with everyone invited."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cxstats as cx

DESCRIPTION = """
title: Edge
population: Customers
period: {{from: 2025-01-01, to: 2025-03-31}}
responses: {{file: invitations.csv}}
customer: id
invited: sent
scores:
  nps: {{column: nps, scale: 0-10}}
{groups}
{more}
"""


@pytest.fixture
def make_survey(tmp_path: Path) -> Callable[..., cx.Survey]:
    """A survey of one row per invitation from columns; ``nps`` is "" where not answered."""

    def made(
        columns: dict[str, object], *, groups: tuple[str, ...] = (), more: str = "", customer: bool = True
    ) -> cx.Survey:
        n = len(next(iter(columns.values())))
        table = {"id": range(n), "sent": ["2025-01-15"] * n, **columns}
        names = list(table)
        lines = [",".join(names)]
        lines += [",".join(str(value) for value in row) for row in zip(*table.values(), strict=True)]
        (tmp_path / "invitations.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        listed = "\n".join(f"  {name}: {{column: {name}}}" for name in groups)
        text = DESCRIPTION.format(groups=f"groups:\n{listed}" if groups else "", more=more)
        text = text if customer else text.replace("customer: id\n", "")
        (tmp_path / "survey.yml").write_text(text, encoding="utf-8")
        return cx.open_survey(tmp_path / "survey.yml")

    return made


@pytest.fixture
def invitations() -> Callable[..., dict[str, list]]:
    """Columns of n invitations: segment and use foretell the score; ``slope`` says how far satisfaction decides."""

    def made(
        n: int = 3_000, *, slope: float = 0.0, by_frame: float = 0.0, rate: float = 0.3, seed: int = 1
    ) -> dict[str, list]:
        rng = np.random.default_rng(seed)
        segment, use = rng.choice(3, n, p=[0.4, 0.35, 0.25]), rng.choice(3, n, p=[0.3, 0.4, 0.3])
        foretold = np.array([-0.9, 0.0, 1.0])[segment] + np.array([-0.7, 0.0, 0.8])[use]
        satisfaction = (foretold + rng.normal(size=n)) / 1.4
        logit = np.log(rate / (1 - rate)) + slope * satisfaction + by_frame * foretold
        answered = rng.random(n) < 1 / (1 + np.exp(-logit))
        score = np.select([satisfaction < -0.9, satisfaction < 0.1], [3, 8], 10)
        return {
            "nps": [str(s) if a else "" for s, a in zip(score, answered, strict=True)],
            "segment": np.array(["a", "b", "c"])[segment].tolist(),
            "use": np.array(["low", "mid", "high"])[use].tolist(),
        }

    return made
