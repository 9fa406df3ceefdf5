"""Data with one row per hospital, store or branch: response rate against score, and why that is no bias."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.metrics import Metric
from cxstats.studies.response_rate_bias.numbers import Settings, Unit, Units
from cxstats.words import percent

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["LEAST_UNITS", "measure_units"]

LEAST_UNITS = 30  # units below which a slope beside an adjustment says nothing
SMALL = 5  # units that a category needs to have an effect of its own
FIFTHS = 5


def measure_units(survey: Survey, metric: Metric, chosen: Settings) -> Units:
    """Score by response rate between units, weighted by answers, adjusted for size and the facts described.

    Notes
    -----
    Weighted least squares with heteroskedasticity-robust errors (HC3: MacKinnon and White 1985). A unit's size is the
    number of people it asked, on a logarithmic scale. Units whose number of answers is only known to be small count with
    the smallest number known.
    """
    table = survey.units
    rate = table["response_rate"].to_numpy(dtype=float)
    score = table["score"].to_numpy(dtype=float)
    completed = _completed(table)
    few = int(table["few"].fillna(False).sum())
    weight = np.ones(len(table)) if completed is None else completed
    design, adjusted = _adjustments(survey, table, rate, completed)
    ten = 10 * rate[:, None]
    plain = _fit(score, ten, weight, chosen.level)
    full = _fit(score, np.hstack([ten, design]), weight, chosen.level)
    left_out = tuple(
        (line.label.removeprefix("Set aside: "), int(line.n))
        for line in survey.ledger.lines
        if str(getattr(line.kind, "value", line.kind)) == "set aside" and line.n
    )
    return Units(
        noun=survey.description.units.called,
        n=len(table),
        left_out=left_out,
        few=few,
        slope=full[0],
        low=full[1],
        high=full[2],
        plain=plain[0],
        plain_low=plain[1],
        plain_high=plain[2],
        adjusted=adjusted,
        rates=100 * rate,
        scores=score,
        completed=0 if completed is None else int(completed.sum()),
        groups=_fifths(rate, score, design, weight, metric, chosen.level),
    )


def _completed(table: pd.DataFrame) -> np.ndarray | None:
    """Answers of each unit; where only known to be few, the smallest number that is known."""
    if "completed" not in table.columns:
        return None
    n = table["completed"].to_numpy(dtype=float, na_value=np.nan)
    known = n[np.isfinite(n) & (n > 0)]
    if not len(known):
        return None
    return np.where(np.isfinite(n) & (n > 0), n, known.min())


def _adjustments(
    survey: Survey, table: pd.DataFrame, rate: np.ndarray, completed: np.ndarray | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns to adjust by, and their names: size, then the facts described."""
    columns, names = [], []
    asked = None
    if "sampled" in table.columns:
        asked = table["sampled"].to_numpy(dtype=float, na_value=np.nan)
    elif completed is not None:
        asked = np.where(rate > 0, completed / np.where(rate > 0, rate, 1), np.nan)
    if asked is not None and np.isfinite(asked).any():
        columns += _number(np.log(np.where(asked > 0, asked, np.nan)))
        names.append("the number of people asked")
    for name in survey.adjust:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column):
            columns += _number(column.to_numpy(dtype=float, na_value=np.nan))
        else:
            columns += _indicators(column)
        names.append(survey.group_labels.get(name, name.replace("_", " ")))
    return (np.column_stack(columns) if columns else np.empty((len(table), 0))), tuple(names)


def _number(value: np.ndarray) -> list[np.ndarray]:
    """A number with its mean where it is missing, and an indicator of that."""
    missing = ~np.isfinite(value)
    filled = np.where(missing, np.nanmean(value), value)
    return [filled - filled.mean(), *([missing.astype(float)] if 0 < missing.sum() < len(value) else [])]


def _indicators(column: pd.Series) -> list[np.ndarray]:
    """An indicator per category but the most frequent; small categories together."""
    labels = column.astype("string").fillna("not known")
    size = labels.value_counts()
    labels = labels.where(~labels.isin(size.index[(size < SMALL).to_numpy()]), "other")
    kept = labels.value_counts().index[1:]
    return [labels.eq(label).to_numpy(dtype=float) for label in kept]


def _fit(score: np.ndarray, x: np.ndarray, weight: np.ndarray, level: float) -> tuple[float, float, float]:
    """Coefficient of the first column with its interval."""
    from statsmodels.api import WLS, add_constant

    found = WLS(score, add_constant(x, has_constant="add"), weights=weight).fit(cov_type="HC3")
    low, high = found.conf_int(1 - level)[1]
    return float(found.params[1]), float(low), float(high)


def _fifths(
    rate: np.ndarray, score: np.ndarray, design: np.ndarray, weight: np.ndarray, metric: Metric, level: float
) -> tuple[Unit, ...]:
    """Adjusted mean score of the units in each fifth of response rate."""
    from statsmodels.api import WLS

    edges = np.unique(np.quantile(rate, np.arange(1, FIFTHS) / FIFTHS))
    place = np.searchsorted(edges, rate, side="left")
    place = np.unique(place, return_inverse=True)[1]
    fifth = (place[:, None] == np.arange(place.max() + 1)).astype(float)
    centred = design - np.average(design, axis=0, weights=weight) if design.shape[1] else design
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a fifth whose units all have a category of their own: the pseudo-inverse
        found = WLS(score, np.hstack([fifth, centred]), weights=weight).fit(cov_type="HC3")
    limits = found.conf_int(1 - level)
    made = []
    for k in range(fifth.shape[1]):
        held = place == k
        low, high = 100 * rate[held].min(), 100 * rate[held].max()
        span = percent(low) if round(low) == round(high) else f"{round(low)} to {percent(high)}"
        made.append(
            Unit(
                label=span,
                n=int(held.sum()),
                rate=float(100 * np.average(rate[held], weights=weight[held])),
                value=float(found.params[k]),
                low=float(max(limits[k][0], metric.low)),
                high=float(min(limits[k][1], metric.high)),
            )
        )
    return tuple(made)
