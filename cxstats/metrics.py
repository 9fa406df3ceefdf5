"""Scales and metrics: every metric is the mean of a bounded score.

A :class:`Metric` is a scale and a value per category of that scale. NPS is the mean of
{−100, 0, +100}, a CSAT top-box share the mean of {0, 100}, CES a mean on its scale. Everything
else (intervals, tests, sample sizes, sequential bounds) follows from those values, so a
metric is one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

__all__ = [
    "NPS",
    "SENTIMENT",
    "Metric",
    "Scale",
    "ces",
    "csat",
    "event_rate",
    "mean_score",
    "net_score",
    "stars",
    "top_box",
]

CsatPoints = Literal[2, 3, 5, 7, 10]
CesPoints = Literal[5, 7]
Direction = Literal["easy", "effort"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Whole-number answer categories from ``low`` to ``high``, both included.

    >>> Scale(0, 10).size
    11
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if not (isinstance(self.low, int) and isinstance(self.high, int)):
            raise TypeError(f"a scale runs between whole numbers, not {self.low!r} and {self.high!r}")
        if self.high <= self.low:
            raise ValueError(f"a scale runs from low to high, but {self.low} is not below {self.high}")

    @property
    def size(self) -> int:
        """Number of categories."""
        return self.high - self.low + 1

    @property
    def categories(self) -> tuple[int, ...]:
        """The categories, low to high."""
        return tuple(range(self.low, self.high + 1))

    def __str__(self) -> str:
        return f"{self.low}–{self.high}"


@dataclass(frozen=True, slots=True)
class Metric:
    """A bounded score: what each answer category is worth.

    Attributes
    ----------
    key : short lower-case name, the one used in ``survey.yml`` (``"nps"``).
    label : the name a reader knows ("Net promoter score (NPS)").
    short : the name in a headline ("NPS").
    scale : the answer categories.
    values : worth of each category in the metric's own unit, shape (scale.size,).
    unit : "points" (NPS points, −100 to 100), "%" (0 to 100) or "scale points".
    margin : the smallest difference that matters, in the metric's unit, unless the user says otherwise.
    groups : names of the distinct values, low to high; () where categories have no names of their own.
    high_is : for effort questions, what a high answer means.
    """

    key: str
    label: str
    short: str
    scale: Scale
    values: tuple[float, ...]
    unit: str
    margin: float
    groups: tuple[str, ...] = ()
    high_is: str = "good"

    def __post_init__(self) -> None:
        if len(self.values) != self.scale.size:
            raise ValueError(
                f"{self.key}: a value is needed for each of the {self.scale.size} categories "
                f"{self.scale}, but {len(self.values)} are given"
            )
        if len(set(self.values)) < 2:
            raise ValueError(f"{self.key}: every category has the same value, so the metric can never move")
        if not self.margin > 0:
            raise ValueError(f"{self.key}: the margin must be above 0, but is {self.margin}")

    @property
    def low(self) -> float:
        """Smallest possible value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """Largest possible value."""
        return max(self.values)

    @property
    def distinct_values(self) -> np.ndarray:
        """Distinct category values, ascending, shape (D,): three for NPS, two for a share."""
        return np.unique(np.asarray(self.values, dtype=float))

    def counts(self, scores: Iterable[object]) -> np.ndarray:
        """Number of answers per category, ordered by the scale.

        Parameters
        ----------
        scores : answers; missing ones (None, NaN, pandas.NA) are left out.

        Returns
        -------
        Counts, shape (scale.size,), integers.

        Raises
        ------
        ValueError : an answer is not one of the scale's whole numbers; the message says which and where.

        >>> NPS.counts([10, 9, 0, None]).tolist()
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
        """
        import pandas as pd

        answers = pd.Series(scores if hasattr(scores, "__len__") else list(scores), dtype=None)
        answers = answers.reset_index(drop=True).dropna()
        numbers = pd.to_numeric(answers, errors="coerce").astype(float)
        wrong = ~numbers.isin(self.scale.categories)
        if wrong.any():
            first = wrong[wrong].index[0]
            raise ValueError(
                f"{self.short} scores must be whole numbers from {self.scale.low} to {self.scale.high}, but "
                f"{int(wrong.sum())} of {len(answers)} are not "
                f"(first: {answers[first]!r} at position {first}). Was another scale loaded, or a code for a "
                "blank answer left in?"
            )
        return np.bincount(numbers.astype(int) - self.scale.low, minlength=self.scale.size)

    def reduce(self, counts: Sequence[float] | np.ndarray) -> np.ndarray:
        """Counts per distinct value, ascending, shape (D,): detractors, passives, promoters for NPS.

        Parameters
        ----------
        counts : shape (scale.size,) ordered by the scale, or shape (D,) already reduced; whole
            numbers or sums of weights, none below 0.

        Raises
        ------
        ValueError : another shape, or a negative or missing count.

        >>> NPS.reduce([1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]).tolist()
        [1.0, 0.0, 2.0]
        """
        array = np.asarray(counts, dtype=float)
        distinct = self.distinct_values
        allowed = {self.scale.size, len(distinct)}
        if array.ndim != 1 or len(array) not in allowed:
            shapes = " or ".join(str(size) for size in sorted(allowed, reverse=True))
            raise ValueError(
                f"{self.short} needs {shapes} counts ordered by the scale, but got shape {array.shape}"
            )
        if not np.all(np.isfinite(array)) or np.any(array < 0):
            raise ValueError(
                f"{self.short}: counts must be 0 or more and none missing, but got {array.tolist()}"
            )
        if len(array) == len(distinct) and len(array) != self.scale.size:
            return array
        position = np.searchsorted(distinct, np.asarray(self.values, dtype=float))
        return np.bincount(position, weights=array, minlength=len(distinct))

    def value(self, counts: Sequence[float] | np.ndarray) -> float:
        """The metric itself: the mean value of the counted answers; NaN where there are none.

        >>> NPS.value([20, 30, 50])
        30.0
        """
        reduced = self.reduce(counts)
        total = reduced.sum()
        return float(reduced @ self.distinct_values / total) if total > 0 else float("nan")

    def variance(self, counts: Sequence[float] | np.ndarray) -> float:
        """Variance of one answer's value (divisor n), in squared units of the metric; NaN without answers."""
        reduced = self.reduce(counts)
        total = reduced.sum()
        if not total > 0:
            return float("nan")
        share = reduced / total
        centred = self.distinct_values - share @ self.distinct_values
        return float(share @ centred**2)

    def mean_answer(self) -> Metric:
        """The mean of the same answers on their own scale, to compare with (what does NPS cost?)."""
        return mean_score(
            self.scale, key=f"{self.key}_mean", label=f"Mean answer, {self.scale}", short="mean answer"
        )


def _default_margin(scale: Scale) -> float:
    # 0.15 on a 1–7 scale (the CES default), the same share of the range elsewhere
    return round(0.025 * (scale.high - scale.low), 3)


def mean_score(
    scale: Scale,
    *,
    key: str = "mean",
    label: str | None = None,
    short: str | None = None,
    margin: float | None = None,
    high_is: str = "good",
) -> Metric:
    """The mean answer on its own scale.

    >>> mean_score(Scale(1, 7)).value([0, 0, 0, 1, 0, 0, 1])
    5.5
    """
    return Metric(
        key=key,
        label=label or f"Mean score ({scale})",
        short=short or "mean score",
        scale=scale,
        values=tuple(float(c) for c in scale.categories),
        unit="scale points",
        margin=_default_margin(scale) if margin is None else margin,
        high_is=high_is,
    )


def top_box(
    scale: Scale,
    top: Sequence[int],
    *,
    key: str = "top_box",
    label: str | None = None,
    short: str | None = None,
    margin: float = 2.5,
) -> Metric:
    """Share of answers, in percent, that fall in the categories ``top``.

    Raises
    ------
    ValueError : ``top`` is empty, holds a category off the scale, or the whole scale.

    >>> top_box(Scale(1, 5), [4, 5]).value([1, 0, 0, 2, 1])
    75.0
    """
    chosen = {int(category) for category in top}
    off = sorted(chosen - set(scale.categories))
    if off:
        raise ValueError(f"{key}: the top categories {off} are not on the scale {scale}")
    if not chosen or len(chosen) == scale.size:
        raise ValueError(
            f"{key}: top must name some of the categories {scale}, not {'none' if not chosen else 'all'}"
        )
    named = ", ".join(str(category) for category in sorted(chosen))
    return Metric(
        key=key,
        label=label or f"Share answering {named} on {scale}",
        short=short or "top-box share",
        scale=scale,
        values=tuple(100.0 if c in chosen else 0.0 for c in scale.categories),
        unit="%",
        margin=margin,
        groups=("other answers", f"answered {named}"),
    )


def net_score(
    scale: Scale,
    top: Sequence[int],
    bottom: Sequence[int],
    *,
    key: str = "net",
    label: str | None = None,
    short: str | None = None,
    margin: float = 5.0,
    groups: tuple[str, str, str] = ("bottom", "middle", "top"),
) -> Metric:
    """Share of ``top`` answers minus share of ``bottom`` answers, in points from −100 to 100.

    >>> net_score(Scale(0, 10), top=[8, 9, 10], bottom=range(6)).value([0] * 8 + [1, 0, 1])
    100.0
    """
    high, low = {int(c) for c in top}, {int(c) for c in bottom}
    off = sorted((high | low) - set(scale.categories))
    if off:
        raise ValueError(f"{key}: the categories {off} are not on the scale {scale}")
    if not high or not low or high & low:
        raise ValueError(f"{key}: top and bottom must each name categories, and share none")
    return Metric(
        key=key,
        label=label or f"Net score ({scale})",
        short=short or "net score",
        scale=scale,
        values=tuple(100.0 if c in high else -100.0 if c in low else 0.0 for c in scale.categories),
        unit="points",
        margin=margin,
        groups=groups if len(high | low) < scale.size else (groups[0], groups[2]),
    )


NPS = net_score(
    Scale(0, 10),
    top=(9, 10),
    bottom=range(7),
    key="nps",
    label="Net promoter score (NPS)",
    short="NPS",
    margin=5.0,
    groups=("detractors", "passives", "promoters"),
)
"""Net promoter score: share answering 9–10 minus share answering 0–6, in points (Reichheld 2003)."""

_CSAT_TOP = {2: 1, 3: 1, 5: 2, 7: 2, 10: 2}


def csat(points: CsatPoints = 5, top: Sequence[int] | None = None, *, lowest: int = 1) -> Metric:
    """Customer satisfaction: the share of satisfied answers, in percent.

    Parameters
    ----------
    points : number of categories: 2, 3, 5, 7 or 10.
    top : categories that count as satisfied; by default the top one of 2 or 3, the top two of 5, 7 or 10.
    lowest : the code of the lowest category (1; 0 where the export counts from 0).

    >>> csat(5).value([0, 0, 1, 2, 1])
    75.0
    """
    if points not in _CSAT_TOP:
        raise ValueError(f"csat: points must be one of {sorted(_CSAT_TOP)}, but is {points!r}")
    scale = Scale(lowest, lowest + points - 1)
    chosen = scale.categories[-_CSAT_TOP[points] :] if top is None else top
    return replace(
        top_box(scale, chosen, key="csat", label="Customer satisfaction (CSAT)", short="CSAT"),
        groups=("not satisfied", "satisfied"),
    )


def ces(points: CesPoints = 7, *, high_is: Direction) -> Metric:
    """Customer effort score: the mean answer on its own scale, as published.

    ``high_is`` is always declared: "easy" where a high answer means little effort, "effort" where it
    means much. Answers are not reversed, so that the value is the one the company knows.

    >>> ces(7, high_is="easy").value([0, 0, 0, 0, 1, 0, 1])
    6.0
    """
    if points not in (5, 7):
        raise ValueError(f"ces: points must be 5 or 7, but is {points!r}")
    if high_is not in ("easy", "effort"):
        raise ValueError(
            f'ces: high_is must be "easy" or "effort", but is {high_is!r}: what does a high answer mean?'
        )
    meaning = "high is easy" if high_is == "easy" else "high is effort"
    return mean_score(
        Scale(1, points),
        key="ces",
        label=f"Customer effort score (CES, 1–{points}, {meaning})",
        short="CES",
        margin=0.15 if points == 7 else 0.1,
        high_is=high_is,
    )


SENTIMENT = net_score(
    Scale(1, 3),
    top=(3,),
    bottom=(1,),
    key="sentiment",
    label="Net sentiment",
    short="Net sentiment",
    margin=5.0,
    groups=("negative", "neutral", "positive"),
)
"""Share of messages classed positive minus share classed negative, in points from −100 to 100."""


def stars(scale: Scale = Scale(1, 5)) -> Metric:
    """The star rating as review sites publish it: the mean number of stars.

    >>> stars().value([1, 0, 0, 0, 3])
    4.0
    """
    return mean_score(scale, key="stars", label=f"Star rating ({scale})", short="Stars")


def event_rate(
    *,
    key: str = "event",
    label: str = "Share with the event",
    short: str = "event rate",
    margin: float = 2.5,
) -> Metric:
    """What customers did later as a share in percent: 0 it did not happen, 1 it did.

    The retention rate (CRR) is that of "stayed", the complaint rate that of "complained".

    >>> event_rate().value([90, 10])
    10.0
    """
    return Metric(
        key=key,
        label=label,
        short=short,
        scale=Scale(0, 1),
        values=(0.0, 100.0),
        unit="%",
        margin=margin,
    )
