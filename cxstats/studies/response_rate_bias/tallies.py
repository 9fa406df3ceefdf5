"""Answers and customers of a frame as the study counts them: what several sections share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.metrics import Metric
from cxstats.studies.response_rate_bias.frame import ANSWERED, Frame, asked, before_follow_up, wave_cells

if TYPE_CHECKING:
    from cxstats.survey import Survey


def counts_of(frame: Frame, metric: Metric) -> np.ndarray:
    """Answers per category of the scale (weighted in a weighted survey), shape (size,)."""
    cells = frame.cells
    answered = cells[ANSWERED].to_numpy(dtype=bool)
    tally = cells["w" if "w" in cells.columns else "n"].to_numpy(dtype=float)[answered]
    place = cells[metric.key].array[answered].to_numpy(dtype=int) - metric.scale.low
    return np.bincount(place, weights=tally, minlength=metric.scale.size)


def mass_of(frame: Frame) -> float:
    cells = frame.cells
    return float((cells["w"] if "w" in cells.columns else cells["n"]).sum())


def as_customers(frame: Frame, metric: Metric) -> tuple[np.ndarray, float]:
    """Weighted answers and everyone invited, scaled to as many answers as there are.

    Weights may sum to anything (to the population, say); only their proportions say something of the score, and the number
    of customers says how far to trust it.
    """
    counts = counts_of(frame, metric)
    scale = frame.n_answered / counts.sum()
    return counts * scale, max(mass_of(frame) * scale, float(frame.n_answered))


def first_answers(
    survey: Survey, frame: Frame, metric: Metric, by: list[str], *, parts: bool = True
) -> pd.DataFrame:
    """Cells of the wave's first answers: those of a follow-up are not among them."""
    marks = [name for name in ("invited", "follow_up") if name in survey.columns]
    part = ["part"] if parts and "part" in survey.columns else []
    cells = asked(wave_cells(survey, [metric.key, *by, *part, *marks], frame.wave))
    return before_follow_up(cells, metric.key)


def part_of(cells: pd.DataFrame, repeated: bool) -> str | None:
    """The jackknife's column where intervals need it."""
    return "part" if repeated and "part" in cells.columns else None


def instrument_title(survey: Survey, name: str) -> str:
    entry = survey.description.instruments.get(name)
    return (entry.label if entry is not None else None) or name.replace("_", " ").capitalize()
