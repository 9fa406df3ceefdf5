"""Reading a published score: can it come from so many answers, and which label does it deserve?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from cxstats.methods.dirichlet import dirichlet_cdf
from cxstats.metrics import Metric
from cxstats.parameters import Count, checked
from cxstats.show import definition_html

__all__ = [
    "Attainability",
    "LabelProbabilities",
    "ScaleCheck",
    "attainable",
    "label_probabilities",
    "scale_check",
]

_MOST_ANSWERS_SEARCHED = 1_000


# --- can this score be? -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attainability:
    """Whether a published score can come from n answers.

    Attributes
    ----------
    possible : True where some n answers give the score, rounded as published.
    value, n, decimals : what was published.
    below, above : nearest scores that n answers can give, in the metric's unit, not rounded; equal to each
        other where the published score is possible without rounding.
    rounded_first : True where the score arises if the shares are rounded before they are subtracted (net
        scores only): not a score, but the likely explanation of one that is impossible.
    smallest_n : fewest answers that can give the score; None where none up to 1,000 can.
    """

    possible: bool
    value: float
    n: int
    decimals: int
    below: float
    above: float
    rounded_first: bool
    smallest_n: int | None
    metric: str

    @property
    def explanation(self) -> str:
        """One sentence for the page."""
        shown = f"{self.metric} of {self.value:.{self.decimals}f} from {self.n:,} answers"
        if self.possible:
            return f"{shown} is possible."
        near = " and ".join(
            f"{x:.{max(self.decimals, 1)}f}" for x in (self.below, self.above) if x is not None
        )
        text = f"{shown} cannot be: the nearest scores that {self.n:,} answers can give are {near}."
        if self.rounded_first:
            text += " It arises when the shares are rounded before they are subtracted."
        return text

    def _repr_html_(self) -> str:
        return definition_html(f"{self.metric} of {self.value:.{self.decimals}f}", [("", self.explanation)])


def attainable(value: float, n: int, metric: Metric, *, decimals: int = 0) -> Attainability:
    """Whether n answers can give a published score, exactly or after rounding.

    A mean of n answers is a whole number of steps of 1/n: an NPS must be 100·k/n.

    Parameters
    ----------
    value : the published score, in the metric's unit.
    n : answers it is said to come from.
    metric : the metric.
    decimals : decimals it was published with; a score on the edge of rounding counts as possible.

    Raises
    ------
    ValueError : a score beyond the scale, or with more decimals than ``decimals``.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> print(attainable(72, 9, NPS).explanation)
    NPS of 72 from 9 answers cannot be: the nearest scores that 9 answers can give are 66.7 and 77.8.
    >>> attainable(72, 25, NPS).possible, attainable(72, 9, NPS).smallest_n
    (True, 18)

    Of 7 answers, 5 promoters and 2 detractors are 71 % and 29 %, so a score of 42 where 42.9 is right:

    >>> attainable(42, 7, NPS).possible, attainable(42, 7, NPS).rounded_first
    (False, True)
    """
    n = checked("n", n, Count)
    decimals = _decimals(decimals)
    if not metric.low <= value <= metric.high:
        raise ValueError(
            f"{metric.short} runs from {metric.low:g} to {metric.high:g} {metric.unit}, but the score "
            f"given is {value:g}"
        )
    if abs(round(value, decimals) - value) > 1e-9:
        raise ValueError(f"{value!r} has more decimals than the {decimals} it was published with")
    published, half = _exact(value), Fraction(1, 2 * 10**decimals)
    reach = _Reach(metric)
    below, above = reach.around(published, n)
    smallest = next(
        (m for m in range(1, _MOST_ANSWERS_SEARCHED + 1) if reach.within(published, half, m)),
        n if n > _MOST_ANSWERS_SEARCHED and reach.within(published, half, n) else None,
    )
    return Attainability(
        possible=reach.within(published, half, n),
        value=float(value),
        n=n,
        decimals=decimals,
        below=float(below),
        above=float(above),
        rounded_first=_rounded_first(published, n, metric, decimals),
        smallest_n=smallest,
        metric=metric.short,
    )


def _exact(value: float) -> Fraction:
    return Fraction(repr(float(value)))


def _decimals(decimals: int) -> int:
    if isinstance(decimals, bool) or not isinstance(decimals, int) or not 0 <= decimals <= 10:
        raise ValueError(f"decimals must be a whole number from 0 to 10, but is {decimals!r}")
    return decimals


class _Reach:
    """Which totals n answers can reach. Values lie on a grid low + g·k, k in ``steps``."""

    def __init__(self, metric: Metric) -> None:
        values = [_exact(v) for v in metric.distinct_values]
        gaps = [v - values[0] for v in values]
        self.low = values[0]
        denominator = math.lcm(*(gap.denominator for gap in gaps))
        whole = [int(gap * denominator) for gap in gaps]
        common = math.gcd(*whole)
        self.grid = Fraction(common, denominator)
        self.steps = [k // common for k in whole]
        # with steps 0, 1 and any larger ones in a row every total can be reached
        self.gapless = self.steps == list(range(len(self.steps)))
        self._bits = {0: 1}

    def around(self, value: Fraction, n: int) -> tuple[Fraction | None, Fraction | None]:
        """Nearest attainable scores at or below, and at or above."""
        exact = (value - self.low) * n / self.grid
        below, above = self._at_or_below(math.floor(exact), n), self._at_or_above(math.ceil(exact), n)
        return tuple(None if k is None else self.low + self.grid * k / n for k in (below, above))

    def within(self, value: Fraction, half: Fraction, n: int) -> bool:
        """Whether a score within ``half`` of the value is attainable."""
        first = math.ceil((value - half - self.low) * n / self.grid)
        found = self._at_or_above(max(0, first), n)
        return found is not None and found <= (value + half - self.low) * n / self.grid

    def _at_or_above(self, k: int, n: int) -> int | None:
        top = self.steps[-1] * n
        if self.gapless:
            return k if k <= top else None
        rest = self._reachable(n) >> k
        return k + ((rest & -rest).bit_length() - 1) if rest else None

    def _at_or_below(self, k: int, n: int) -> int | None:
        if self.gapless:
            return min(k, self.steps[-1] * n) if k >= 0 else None
        rest = self._reachable(n) & ((1 << (k + 1)) - 1)
        return rest.bit_length() - 1 if rest else None

    def _reachable(self, n: int) -> int:
        """Totals that n answers can reach, as the bits of one number."""
        known = max(m for m in self._bits if m <= n)
        bits = self._bits[known]
        for _ in range(n - known):
            shifted = 0
            for step in self.steps:
                shifted |= bits << step
            bits = shifted
        self._bits[n] = bits
        return bits


def _rounded_first(value: Fraction, n: int, metric: Metric, decimals: int) -> bool:
    """Whether rounding the top and bottom shares before subtracting gives the value (net scores only)."""
    if metric.distinct_values.tolist() != [-100.0, 0.0, 100.0]:
        return False
    scale = 10**decimals
    target = round(value * scale)
    full = 100 * scale
    # rounded share in units of the last decimal -> fewest answers that have it; the shorter way round
    fewest: dict[int, int] = {}
    if n <= full:
        for k in range(n + 1):
            fewest.setdefault(_half_up(Fraction(full * k, n)), k)
    else:
        fewest = {share: max(0, -((1 - 2 * share) * n // (2 * full))) for share in range(full + 1)}
    return any(k + fewest.get(share - target, n + 1) <= n for share, k in fewest.items())


def _half_up(x: Fraction) -> int:
    return math.floor(x + Fraction(1, 2))


# --- which label? -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LabelProbabilities:
    """Probability of each label, instead of the label of an estimate.

    Attributes
    ----------
    labels : from the lowest band to the highest.
    lower_edges : where each band begins, in the metric's unit, shape (bands,).
    probabilities : shape (bands,), summing to 1.
    value : the metric itself.
    published : the label of the value: what a report without uncertainty prints.
    """

    labels: tuple[str, ...]
    lower_edges: np.ndarray
    probabilities: np.ndarray
    value: float
    published: str
    metric: str

    @property
    def likeliest(self) -> str:
        """Label with the largest probability."""
        return self.labels[int(np.argmax(self.probabilities))]

    def _repr_html_(self) -> str:
        rows = zip(self.labels, (f"{p:.0%}" for p in self.probabilities), strict=True)
        return definition_html(f"{self.metric}: probability of each label", rows)


def label_probabilities(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    bands: Mapping[str, float],
    *,
    prior: Sequence[float] | np.ndarray | None = None,
) -> LabelProbabilities:
    """Probability of each band ("good", "excellent") under the Dirichlet posterior, exactly.

    Bands are a convention without evidence behind them; what data can say is how probable each is.

    Parameters
    ----------
    counts : shape (K,) or (D,); sums of weights scaled to the effective number of answers are fine.
    metric : the metric.
    bands : label → the value at which its band begins, any order; a band ends where the next begins. The
        first must begin at the lowest possible value or below.
    prior : answers added to each distinct value, shape (D,), above 0; by default ½ each (Jeffreys), as in
        ``estimate(method="dirichlet")``.

    Raises
    ------
    ValueError : fewer than two bands, two bands that begin at one value, a gap at the lower end, a wrong
        prior.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> bands = {"poor": -100, "fair": 0, "good": 30, "excellent": 70}
    >>> labels = label_probabilities([20, 30, 50], NPS, bands)
    >>> dict(zip(labels.labels, labels.probabilities.round(3).tolist()))
    {'poor': 0.0, 'fair': 0.515, 'good': 0.485, 'excellent': 0.0}
    """
    reduced = metric.reduce(counts)
    if not reduced.sum() > 0:
        raise ValueError(f"{metric.short}: there are no answers, so no label has a probability")
    ordered = sorted(bands.items(), key=lambda band: band[1])
    edges = np.array([float(edge) for _, edge in ordered])
    _check_bands(edges, metric)
    added = np.full(len(reduced), 0.5) if prior is None else np.asarray(prior, dtype=float)
    if added.shape != reduced.shape or not np.all(np.isfinite(added) & (added > 0)):
        raise ValueError(f"the prior needs {len(reduced)} numbers above 0, one for each distinct value")
    posterior = np.tile(reduced + added, (len(edges) - 1, 1))
    below = dirichlet_cdf(edges[1:], posterior, metric.distinct_values)
    cumulative = np.concatenate([[0.0], below, [1.0]])
    value = metric.value(reduced)
    labels = tuple(str(label) for label, _ in ordered)
    return LabelProbabilities(
        labels=labels,
        lower_edges=edges,
        probabilities=np.clip(np.diff(cumulative), 0, 1),
        value=value,
        published=labels[int(np.searchsorted(edges, value, side="right")) - 1],
        metric=metric.short,
    )


def _check_bands(edges: np.ndarray, metric: Metric) -> None:
    if len(edges) < 2:
        raise ValueError("a label needs two bands or more, each with the value at which it begins")
    if not np.all(np.isfinite(edges)) or np.any(np.diff(edges) <= 0):
        raise ValueError("every band must begin at a value of its own")
    if edges[0] > metric.low:
        raise ValueError(
            f"the lowest band begins at {edges[0]:g}, but {metric.short} can be as low as {metric.low:g}: "
            "name the band below it"
        )


# --- is this the scale it is said to be? --------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScaleCheck:
    """Signs that answers were given on another scale than the one they are read on.

    Attributes
    ----------
    problems : one sentence for each sign; empty where there is none.
    """

    problems: tuple[str, ...]

    @property
    def looks_right(self) -> bool:
        """No sign of another scale."""
        return not self.problems

    def _repr_html_(self) -> str:
        return definition_html("Scale", [("", p) for p in self.problems or ("no sign of another scale",)])


_KNOWN_SCALES = ((0, 10), (1, 10), (1, 7), (0, 6), (1, 5), (0, 5), (0, 4), (1, 4), (1, 3), (1, 2), (0, 1))


def scale_check(
    counts: Sequence[float] | np.ndarray | Mapping[str, Sequence[float]],
    metric: Metric,
    *,
    doubt: float = 1e-6,
) -> ScaleCheck:
    """Signs that answers come from another scale: a 1–5 question read as 0–10, or two scales in one column.

    * All answers lie on a smaller usual scale (1–5 within 0–10), in numbers that leave little doubt.
    * Only every second or fifth category is used: answers were multiplied.
    * In one source (channel, country, file) the answers end where a smaller scale ends, while elsewhere they
      go on: the chance of that, if the source answered like the others, is below ``doubt``.

    Parameters
    ----------
    counts : answers per category of the full scale, shape (K,); or a mapping source → such counts.
    metric : the metric whose scale they are read on.
    doubt : chance below which a pattern is called a sign, for all sources together.

    Raises
    ------
    ValueError : counts of another length than the scale.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> web = [5, 3, 4, 5, 8, 20, 25, 60, 90, 70, 110]
    >>> shop = [0, 12, 20, 41, 130, 160, 0, 0, 0, 0, 0]
    >>> for problem in scale_check({"web": web, "shop": shop}, NPS).problems:
    ...     print(problem)
    shop: all 363 answers lie on 1–5, although the others go up to 10: was it asked on a scale of 1–5?
    """
    sources = dict(counts) if isinstance(counts, Mapping) else {"": counts}
    table = {str(name): _full_scale(row, metric) for name, row in sources.items()}
    problems: list[str] = []
    for name, row in table.items():
        rest = sum((other for key, other in table.items() if key != name), np.zeros(metric.scale.size))
        sign = _sign_of_another_scale(row, rest, metric, doubt / len(table))
        if sign:
            problems.append(f"{name}: {sign}" if name else sign)
    return ScaleCheck(tuple(problems))


def _full_scale(row, metric: Metric) -> np.ndarray:
    answers = np.asarray(row, dtype=float)
    if answers.shape != (metric.scale.size,):
        raise ValueError(
            f"the check needs counts for all {metric.scale.size} categories {metric.scale}, but got shape "
            f"{answers.shape}"
        )
    metric.reduce(answers)
    return answers


def _sign_of_another_scale(row: np.ndarray, rest: np.ndarray, metric: Metric, doubt: float) -> str | None:
    used = np.flatnonzero(row) + metric.scale.low
    n = row.sum()
    if len(used) < 2:
        return None
    step = math.gcd(*(int(k) for k in used - used[0]))
    if step >= 2 and len(used) >= 3 and (0.5**n if not rest.sum() else _chance(row, rest)) < doubt:
        return (
            f"all {n:,.0f} answers lie on every {_ordinal(step)} category: were answers on another scale "
            "multiplied?"
        )
    low, high = int(used[0]), int(used[-1])
    inside = [s for s in _KNOWN_SCALES if s[0] <= low and high == s[1] and s[1] < metric.scale.high]
    if not inside:
        return None
    scale = min(inside, key=lambda s: s[1] - s[0])
    named = f"{scale[0]}–{scale[1]}"
    if rest.sum():
        if _chance(row, rest) >= doubt:
            return None
        highest = int(np.flatnonzero(rest)[-1]) + metric.scale.low
        return (
            f"all {n:,.0f} answers lie on {named}, although the others go up to {highest}: was it asked on "
            f"a scale of {named}?"
        )
    # alone, the fall must be a cliff: nothing above, although the highest used category is not rare
    at_the_top = row[high - metric.scale.low]
    if 0.5**at_the_top < doubt:
        return (
            f"all {n:,.0f} answers lie on {named}, with {at_the_top:,.0f} at {high} and none above: was it "
            f"asked on a scale of {named} and not {metric.scale}?"
        )
    return None


def _chance(row: np.ndarray, rest: np.ndarray) -> float:
    """Chance that no answer falls outside the categories used, if it is answered like the rest."""
    outside = (rest[row == 0].sum() + 0.5) / (rest.sum() + 1)
    return float((1 - outside) ** row.sum())


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third", 4: "fourth", 5: "fifth"}.get(number, f"{number}th")
