"""Behaviour equating: which score in one group goes with the same behaviour as a score in another?

Words and scales differ between countries; whether a customer stays does not. Where it is known who stayed, a score
can be read by the retention that goes with it: if Japan's 7s stay as Germany's 9s do, 7 there is worth 9 here. This
equates on **criterion behaviour**, as tests are equated on what they predict, and rests on assumptions of its own
(:data:`CAVEATS`), the first being that markets differ in how easily customers leave.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cxstats.cells import cluster_variance
from cxstats.methods.limits import critical_value
from cxstats.methods.ordinal_design import NOT_KNOWN
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import join_words, plural

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["BehaviourEquating", "equate_on_behaviour"]

Basis = Literal["contrast", "level"]

CAVEATS = (
    'How easily customers leave differs between markets (contracts, competitors, seasons). Basis "level" takes every '
    'difference in retention for a difference in what scores mean; basis "contrast" compares only within each group, and '
    "so takes every group's average customer to be equally satisfied.",
    "Retention must depend on satisfaction equally strongly everywhere: where leaving is hard, scores seem to mean less.",
    "Only customers who answered and whose outcome is known are in it.",
    "Log-odds are taken to be a straight line in the score within each group; its test stands beside it.",
)
"""What equating on behaviour assumes; printed wherever a result is."""


@dataclass(frozen=True, slots=True, eq=False)
class BehaviourEquating:
    """Scores of each group that go with the same behaviour as a score of the reference group.

    Attributes
    ----------
    reference : the group whose scores are the yardstick.
    basis : "contrast" or "level", see :func:`equate_on_behaviour`.
    lines : one row per group: ``n``, ``rate`` (share with the outcome), ``intercept``, ``slope`` (log-odds per scale point),
        ``slope_error``, ``linearity_p_value`` (of log-odds on a straight line, against any shape), ``usable`` (whether the
        slope is told from 0; without it no score can be equated).
    scores : one row per group and score of the reference: ``score``, ``equivalent`` (the group's score that goes with
        the same behaviour), ``low``, ``high`` (Fieller's interval; infinite where the slope is not told from 0).
    values : one row per group: ``raw``, the metric as counted; ``equated``, the metric with the group's answers read at
        their equivalents, ``standard_error``, ``low``, ``high``; ``change``, equated minus raw.
    caveats : what it assumes, in sentences.
    level : of the intervals.
    """

    reference: str
    basis: str
    lines: pd.DataFrame
    scores: pd.DataFrame
    values: pd.DataFrame
    caveats: tuple[str, ...]
    level: float
    metric: Metric = field(repr=False)

    def _repr_html_(self) -> str:
        rows = [
            (
                row.Index,
                f"{row.raw:.1f} as counted, {row.equated:.1f} ({row.low:.1f} to {row.high:.1f}) equated",
            )
            for row in self.values.itertuples()
        ]
        return definition_html(
            f"{self.metric.short} equated on behaviour to {self.reference} ({self.basis})",
            [*rows, *enumerate(self.caveats, 1)],
        )


def equate_on_behaviour(
    cells: pd.DataFrame,
    metric: Metric,
    *,
    group: str,
    outcome: str,
    reference: str,
    score: str | None = None,
    basis: Basis = "contrast",
    matrix: np.ndarray | csr_array | None = None,
    level: float = 0.95,
) -> BehaviourEquating:
    """Read each group's scores by the behaviour that goes with them.

    Parameters
    ----------
    cells : rows with ``score``, ``group``, ``outcome`` (boolean or 0/1; missing where not known) and ``n``; with ``w`` and
        ``w2`` a weighted fit. Rows that lack any of the three are left out.
    metric : what an answer is worth; one that never falls along the scale (NPS, top boxes, means).
    group, outcome, reference : columns, and the group whose scores are the yardstick.
    score : column of the answers; the metric's key by default.
    basis : "contrast" (default): a score of a group equals the reference's score whose log-odds lie as far from the
        group's own average log-odds. It compares within groups only, so base rates of markets play no part.
        "level": the same probability of the outcome. Every difference in base rates then counts as scale use.
    matrix : M of ``cells.cluster_matrix`` over the rows of ``cells``, for repeated customers.
    level : of the intervals.

    Returns
    -------
    BehaviourEquating. With basis "contrast" every group's average customer is equally satisfied by construction, so its
    values say how scores map, and must not be ranked.

    Raises
    ------
    ValueError : columns that are not there; a metric that falls somewhere along its scale; a group in which all or
        none have the outcome, or all gave one score; slopes of opposite sign in the reference and a group.

    Notes
    -----
    logit P(outcome | s, g) = a_g + b_g·s. The equivalent s* of the reference's score s solves a_g + b_g·s* − L_g =
    a_r + b_r·s − L_r, with L the groups' own mean log-odds a + b·(mean score) ("contrast") or 0 ("level"); its interval is
    Fieller's (1954), which is honest where b_g is near 0. The metric's boundaries (6.5 and 8.5 for NPS) are mapped so, and
    the group's answers counted beyond them, an answer k being spread evenly over k − ½ to k + ½ (Kolen & Brennan
    2014); errors by linearisation.

    Examples
    --------
    In B everybody answers two points lower than in A and leaves at the same rates:

    >>> from cxstats.metrics import NPS
    >>> stays = {4: 20, 5: 27, 6: 38, 7: 50, 8: 62, 9: 73, 10: 80}
    >>> rows = [("A", s, kept, k) for s, k in stays.items() for kept, k in ((True, k), (False, 100 - k))]
    >>> rows += [("B", s - 2, kept, k) for _, s, kept, k in rows]
    >>> cells = pd.DataFrame(rows, columns=["country", "nps", "stayed", "n"])
    >>> found = equate_on_behaviour(cells, NPS, group="country", outcome="stayed", reference="A", basis="level")
    >>> found.scores.query("country == 'B' and score == 9").round(6)["equivalent"].tolist()
    [7.0]
    >>> found.values[["raw", "equated"]].round(1).to_numpy().tolist()
    [[-14.3, -14.3], [-71.4, -14.3]]
    """
    level = checked("level", level, Level)
    if basis not in ("contrast", "level"):
        raise ValueError(f'basis must be "contrast" or "level", but is {basis!r}')
    if np.any(np.diff(metric.values) < 0):
        raise ValueError(
            f"{metric.short} falls somewhere along its scale, so its boundaries cannot be mapped"
        )
    score = metric.key if score is None else score
    data = _data(cells, metric, score, group, outcome, reference, matrix)
    lines = [_line(data, g) for g in range(len(data.labels))]
    slopes = np.array([line.slope for line in lines])
    z = critical_value(level)
    errors = np.array([np.sqrt(_variance(data, line.influence[:, 1])) for line in lines])
    usable = np.abs(slopes) > z * errors
    opposite = usable & usable[0] & (slopes * slopes[0] < 0)
    if opposite.any():
        wrong = [label for label, bad in zip(data.labels, opposite, strict=True) if bad]
        raise ValueError(
            f"{outcome} rises with the score in {reference} and falls in {join_words(wrong)} (or the other way round): no "
            "score of one goes with the behaviour of the other. Is the scale reversed somewhere?"
        )
    counts = np.zeros((len(data.labels), metric.scale.size))
    np.add.at(counts, (data.group, data.category), data.mass)
    values, scores = [], []
    for g, label in enumerate(data.labels):
        values.append(_equated(data, lines, g, counts, metric, basis, z, usable[[0, g]].all()))
        for s in metric.scale.categories:
            equivalent, low, high = _equivalent(data, lines, g, float(s), basis, z)
            scores.append((label, s, equivalent, low, high))
    index = pd.Index(data.labels, name=group)
    return BehaviourEquating(
        reference=reference,
        basis=basis,
        lines=pd.DataFrame(
            {
                "n": np.bincount(data.group, weights=data.tally).astype(int),
                "rate": [line.rate for line in lines],
                "intercept": [line.intercept for line in lines],
                "slope": slopes,
                "slope_error": errors,
                "linearity_p_value": [_linearity(data, g, line) for g, line in enumerate(lines)],
                "usable": usable,
            },
            index=index,
        ),
        scores=pd.DataFrame(scores, columns=[group, "score", "equivalent", "low", "high"]),
        values=pd.DataFrame(
            values, columns=["raw", "equated", "standard_error", "low", "high", "change"], index=index
        ),
        caveats=CAVEATS,
        level=level,
        metric=metric,
    )


# ------------------------------------------------------------------------------------------- the data


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    labels: tuple[str, ...]
    group: np.ndarray  # per used row
    category: np.ndarray
    score: np.ndarray
    event: np.ndarray
    tally: np.ndarray
    mass: np.ndarray
    squares: np.ndarray
    matrix: np.ndarray | csr_array | None


def _data(
    cells: pd.DataFrame,
    metric: Metric,
    score: str,
    group: str,
    outcome: str,
    reference: str,
    matrix: np.ndarray | csr_array | None,
) -> _Data:
    for name in (score, group, outcome, "n"):
        if name not in cells.columns:
            raise ValueError(f"there is no column {name!r}; the cells have {join_words(cells.columns)}")
    if matrix is not None and matrix.shape != (len(cells), len(cells)):
        raise ValueError(f"the matrix is {matrix.shape}, but there are {len(cells)} rows of cells")
    n = cells["n"].to_numpy(dtype=float)
    used = np.flatnonzero(cells[score].notna().to_numpy() & cells[outcome].notna().to_numpy() & (n > 0))
    frame = cells.iloc[used]
    answers = frame[score].to_numpy(dtype=float)
    if not np.isin(answers, metric.scale.categories).all():
        raise ValueError(f"{score}: answers must be whole numbers of the scale {metric.scale}")
    event = frame[outcome].to_numpy(dtype=float)
    if not np.isin(event, (0.0, 1.0)).all():
        raise ValueError(
            f"{outcome} must say whether it happened (true or false, or 0 and 1), missing where not known"
        )
    names = frame[group].astype("string").fillna(NOT_KNOWN)
    labels = sorted(set(names))
    if str(reference) not in labels:
        raise ValueError(
            f"{group}: the reference {reference!r} has no answers with a known {outcome}; there are "
            f"{join_words(labels) or 'none'}"
        )
    labels = (str(reference), *(label for label in labels if label != str(reference)))
    weighted = "w" in cells.columns
    mass = frame["w"].to_numpy(dtype=float) if weighted else n[used]
    data = _Data(
        labels=labels,
        group=names.map({label: i for i, label in enumerate(labels)}).to_numpy(dtype=int),
        category=answers.astype(int) - metric.scale.low,
        score=answers,
        event=event,
        tally=n[used],
        mass=mass,
        squares=frame["w2"].to_numpy(dtype=float) if weighted else n[used],
        matrix=None if matrix is None else matrix[np.ix_(used, used)],
    )
    _require_both(data, outcome)
    return data


def _require_both(data: _Data, outcome: str) -> None:
    for g, label in enumerate(data.labels):
        inside = data.group == g
        happened = data.mass[inside] @ data.event[inside]
        total = data.mass[inside].sum()
        if not 0 < happened < total or len(set(data.score[inside])) < 2:
            raise ValueError(
                f"{label} ({plural(int(data.tally[inside].sum()), 'answer')}): equating needs customers with and without "
                f"{outcome}, and more than one score; leave the group out"
            )


# -------------------------------------------------------------------------------------------- the lines


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    intercept: float
    slope: float
    rate: float
    centre: float  # mean score
    influence: np.ndarray  # per used row: of intercept, slope and mean score, shape (rows, 3)
    fitted: np.ndarray  # per used row of the group


def _line(data: _Data, g: int) -> _Line:
    """Logistic regression of the outcome on the score within one group."""
    import warnings

    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    inside = data.group == g
    x = np.column_stack([np.ones(inside.sum()), data.score[inside]])
    y, mass = data.event[inside], data.mass[inside]
    with warnings.catch_warnings():
        warnings.simplefilter("error", PerfectSeparationWarning)
        try:
            fit = sm.GLM(y, x, family=sm.families.Binomial(), freq_weights=mass).fit(tol=1e-12, maxiter=100)
        except PerfectSeparationWarning:
            fit = None
    if fit is None or not fit.converged or np.abs(fit.params[1]) > 20:
        raise ValueError(
            f"{data.labels[g]}: one score separates those with the outcome from those without, so the slope has no end; "
            "leave the group out or take a longer window"
        )
    p = fit.fittedvalues
    bread = np.linalg.inv((x * (mass * p * (1 - p))[:, None]).T @ x)
    influence = np.zeros((len(inside), 3))
    influence[inside, :2] = (x * (y - p)[:, None]) @ bread
    centre = float(mass @ data.score[inside] / mass.sum())
    influence[inside, 2] = (data.score[inside] - centre) / mass.sum()
    rate = float(mass @ y / mass.sum())
    return _Line(float(fit.params[0]), float(fit.params[1]), rate, centre, influence, p)


def _linearity(data: _Data, g: int, line: _Line) -> float:
    """Likelihood-ratio test of the straight line against a rate of its own for every score."""
    from scipy.special import xlogy
    from scipy.stats import chi2

    inside = data.group == g
    mass = data.mass[inside] * (data.tally[inside].sum() / data.mass[inside].sum())
    category, event = data.category[inside], data.event[inside]
    total = np.bincount(category, weights=mass)
    happened = np.bincount(category, weights=mass * event)
    present = total > 0
    rate = np.divide(happened, total, out=np.zeros_like(total), where=present)
    own = (xlogy(happened, rate) + xlogy(total - happened, 1 - rate)).sum()
    straight = (mass * (xlogy(event, line.fitted) + xlogy(1 - event, 1 - line.fitted))).sum()
    df = int(present.sum()) - 2
    return float(chi2.sf(max(2 * (own - straight), 0.0), df)) if df > 0 else float("nan")


def _variance(data: _Data, influence: np.ndarray) -> float:
    if data.matrix is not None:
        return float(cluster_variance(influence, data.matrix))
    return float(data.squares @ influence**2)


# --------------------------------------------------------------------------------------- equal behaviour


def _offset(line: _Line, basis: str) -> float:
    """Where the line starts: its intercept, or the intercept less the group's mean log-odds."""
    return line.intercept if basis == "level" else -line.slope * line.centre


def _offset_influence(line: _Line, basis: str) -> np.ndarray:
    if basis == "level":
        return line.influence[:, 0]
    return -line.centre * line.influence[:, 1] - line.slope * line.influence[:, 2]


def _equivalent(
    data: _Data, lines: list[_Line], g: int, score: float, basis: str, z: float
) -> tuple[float, float, float]:
    """The group's score that goes with the behaviour of the reference's ``score``, with Fieller's interval."""
    if g == 0:
        return score, score, score
    here, there = lines[0], lines[g]
    numerator = _offset(here, basis) + here.slope * score - _offset(there, basis)
    of_numerator = (
        _offset_influence(here, basis) + here.influence[:, 1] * score - _offset_influence(there, basis)
    )
    of_slope = there.influence[:, 1]
    both = _variance(data, of_numerator + of_slope)
    v_n, v_s = _variance(data, of_numerator), _variance(data, of_slope)
    covariance = (both - v_n - v_s) / 2
    # all s* with (numerator − slope·s*)² ≤ z²·var: a quadratic in s*
    a = there.slope**2 - z**2 * v_s
    b = numerator * there.slope - z**2 * covariance
    c = numerator**2 - z**2 * v_n
    equivalent = numerator / there.slope
    if a <= 0:
        return equivalent, -np.inf, np.inf
    root = np.sqrt(max(b * b - a * c, 0.0))
    return equivalent, (b - root) / a, (b + root) / a


def _equated(
    data: _Data,
    lines: list[_Line],
    g: int,
    counts: np.ndarray,
    metric: Metric,
    basis: str,
    z: float,
    usable: bool,
) -> tuple[float, ...]:
    """Raw value, equated value, its error and interval, and the change."""
    total = counts[g].sum()
    worth = np.asarray(metric.values, dtype=float)
    raw = float(counts[g] @ worth / total)
    if g and not usable:
        return raw, np.nan, np.nan, np.nan, np.nan, np.nan
    inside = data.group == g
    influence = np.zeros(len(inside))
    value = float(worth[0])
    edges = np.array(metric.scale.categories[:-1]) + 0.5
    position = data.score[inside]
    for edge, step in zip(edges, np.diff(worth), strict=True):
        if step == 0:
            continue
        cut, _, _ = _equivalent(data, lines, g, float(edge), basis, z)
        # an answer k is spread evenly over k − ½ to k + ½
        beyond = np.clip(position + 0.5 - cut, 0, 1)
        share = float(data.mass[inside] @ beyond / total)
        value += step * share
        influence[inside] += step * (beyond - share) / total
        if g:
            place = int(np.floor(cut + 0.5)) - metric.scale.low
            density = counts[g][place] / total if 0 <= place < metric.scale.size else 0.0
            here, there = lines[0], lines[g]
            of_cut = (
                _offset_influence(here, basis)
                + here.influence[:, 1] * edge
                - _offset_influence(there, basis)
                - there.influence[:, 1] * cut
            ) / there.slope
            influence -= step * density * of_cut
    error = float(np.sqrt(_variance(data, influence)))
    low, high = max(value - z * error, metric.low), min(value + z * error, metric.high)
    return raw, value, error, low, high, value - raw
