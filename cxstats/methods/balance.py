"""Do those who answered look like those who were invited, and what does what we know of everyone say about the rest?

Two looks at facts known for everyone invited. **Balance**: by how many standard deviations the answers differ from the
frame, before and after weighting. **Data defect**: the same difference read as a correlation between answering and the
fact, which does not shrink as answers grow; where it is more than chance, the number of answers of a random sample
that would know the fact as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.clusters import Clusters, clusters_of, counts_of, require_both, require_columns, truth_of
from cxstats.methods.frame_variables import label_codes
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count, number, percent

__all__ = [
    "Balance",
    "DataDefect",
    "balance",
    "data_defect",
    "data_defects",
    "error_of_defect",
    "n_worth",
]

NUMBER = 20
"""A column of numbers with more distinct values than this is compared by its mean."""

VALUE_BANDS = 20
"""Bands of a fact within which everyone is taken to be equally likely to answer (it needs no band per value)."""


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Differences between those who answered and everyone invited.

    Attributes
    ----------
    table : one row per category: ``variable``, ``category`` (missing for a number, whose means stand in place of
        shares), ``population_share``, ``respondent_share``, ``weighted_share``, ``smd_before``, ``smd_after``
        (standardised mean differences; missing without weights), ``chance_limit``: how far from 0 ``smd_before`` would be
        in 95 % of surveys (or as ``level`` says) whose answers were a random sample.
    n, n_answered : customers invited, and who answered.
    level : of ``chance_limit``.
    """

    table: pd.DataFrame
    n: int
    n_answered: int
    level: float

    @property
    def largest_before(self) -> float:
        """Largest absolute standardised mean difference before weighting."""
        return float(self.table["smd_before"].abs().max())

    @property
    def largest_after(self) -> float:
        """Largest absolute standardised mean difference after weighting; NaN without weights."""
        return float(self.table["smd_after"].abs().max())

    def _repr_html_(self) -> str:
        rows = [
            ("invited", count(self.n)),
            ("answered", count(self.n_answered)),
            ("largest difference before weighting", f"{self.largest_before:.3f} standard deviations"),
        ]
        if np.isfinite(self.largest_after):
            rows.append(("after weighting", f"{self.largest_after:.3f}"))
        return definition_html("Balance", rows)


@dataclass(frozen=True, slots=True)
class DataDefect:
    """How answering goes with a fact that is known for everyone invited.

    Attributes
    ----------
    column : the fact.
    mean, respondent_mean : of everyone invited, and of those who answered (weighted where weights are given).
    error : respondent_mean − mean, in the fact's unit.
    correlation : the data defect correlation, of answering with the fact, −1 to 1.
    limit : how far from 0 the error would stay in ``level`` of random samples of as many answers.
    exceeds : whether the error is beyond that limit.
    effective_n : answers of a random sample whose error is typically as large; None unless ``exceeds``.
    effective_low, effective_high : its interval, which allows for being looked at only where the error stands out;
        None unless ``exceeds``. Never above n_answered.
    n : customers invited. n_answered : who answered. level : of limit and interval.
    """

    column: str
    mean: float
    respondent_mean: float
    error: float
    correlation: float
    limit: float
    exceeds: bool
    effective_n: float | None
    effective_low: float | None
    effective_high: float | None
    n: int
    n_answered: int
    level: float

    def _repr_html_(self) -> str:
        rows = [
            ("everyone", f"{self.mean:.4g}"),
            ("those who answered", f"{self.respondent_mean:.4g}"),
            ("correlation with answering", f"{self.correlation:.4f}"),
            (f"{percent(100 * self.level)} of random samples err by at most", f"{self.limit:.3g}"),
        ]
        if self.effective_n is None:
            rows.append(("worth", "no different from a random sample"))
        else:
            worth = (
                f"{number(self.effective_n)} ({number(self.effective_low)} to {number(self.effective_high)})"
            )
            rows.append(
                (f"the {count(self.n_answered)} answers know it as well as a random sample of", worth)
            )
        return definition_html(self.column, rows)


def balance(
    cells: pd.DataFrame,
    by: Sequence[str],
    *,
    responded: str = "responded",
    weights: Sequence[float] | np.ndarray | None = None,
    level: float = 0.95,
) -> Balance:
    """Standardised mean differences of those who answered against everyone invited, before and after weighting.

    Parameters
    ----------
    cells : rows of everyone invited with the columns ``by``, ``responded`` and ``n``; in a weighted survey ``w`` holds the
        design weights of everyone invited.
    by : facts known for everyone: categories (a missing one is "not known"), or numbers with more than 20 values.
    weights : weight of each customer who answered, one per row of cells, shape (R,), or an object with ``weights`` such
        as a calibration's; those of rows without an answer are ignored. They replace design weights.
    level : of ``chance_limit``.

    Returns
    -------
    Balance.

    Raises
    ------
    ValueError : a column does not exist; nobody or everybody answered; weights of another length, negative or missing;
        a number that is missing for some.

    Notes
    -----
    (mean of those who answered − mean of everyone)/standard deviation of everyone; the divisor stays the same after
    weighting (Austin 2009; Stuart 2010). 0.1 is a usual limit.

    Examples
    --------
    >>> cells = pd.DataFrame({"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2,
    ...                       "n": [300, 700, 200, 800]})
    >>> balance(cells, ["channel"]).table["smd_before"].round(3).tolist()
    [0.2, -0.2]
    """
    level = checked("level", level, Level)
    by = [by] if isinstance(by, str) else list(by)
    require_columns(cells, by)
    answered = truth_of(cells, responded, "whether a customer answered")
    clusters = clusters_of(cells)
    n = counts_of(cells)
    require_both(n, answered)
    after = _answer_weights(cells, weights, answered, n)
    before = np.where(answered, clusters.mass, 0.0)
    limit = _chance(n, answered, clusters, level)
    blocks = []
    for name in by:
        for category, value in _indicators(cells[name], name, clusters.mass):
            blocks.append(_difference(name, category, value, clusters.mass, before, after, limit))
    table = pd.DataFrame(blocks).astype({"variable": "string", "category": "string"})
    return Balance(table, round(n.sum()), round(n[answered].sum()), level)


def data_defect(
    cells: pd.DataFrame,
    column: str,
    *,
    responded: str = "responded",
    weights: Sequence[float] | np.ndarray | None = None,
    part: str | None = None,
    level: float = 0.95,
) -> DataDefect:
    """Correlation of answering with a fact known for everyone, and how many random answers are worth as much.

    Parameters
    ----------
    cells : rows of everyone invited with ``column`` (true or false, or a number; known for all), ``responded``, ``n``.
        Customers are counted as they are: design weights in the cells do not enter.
    column : a fact of the frame, or an outcome known for all. For a column of categories: :func:`data_defects`.
    weights : weight of each customer who answered, one per row, to ask what weighting leaves of the defect.
    part : name of the column with the 64 parts, for customers invited repeatedly. Without it every invitation is taken
        to be another customer's.
    level : of the limit and the interval.

    Returns
    -------
    DataDefect.

    Raises
    ------
    ValueError : the column does not exist, is neither true or false nor a number, is missing for some, or is the same
        for everyone; nobody or everybody answered; weights that are none.

    Notes
    -----
    Meng (2018): error = correlation·√((1 − f)/f)·σ exactly, f the response rate, so that the effective sample size is
    f/(1 − f)/correlation² = (σ/error)². One error says little about that number: a perfect random sample of n answers has
    n_eff/n between 0.26 and 9.9 in seven of ten cases. Hence it is given only where the error exceeds what random
    sampling allows, with an interval conditional on that (Zhong & Prentice 2008), and never above n. The error's own
    variance takes customers to answer independently, equally readily within 20 bands of the fact.

    Examples
    --------
    >>> cells = pd.DataFrame({"churned": [True, True, False, False], "responded": [True, False] * 2,
    ...                       "n": [60, 740, 1940, 7260]})
    >>> result = data_defect(cells, "churned")
    >>> round(result.error, 3), round(result.correlation, 4), round(result.effective_n)
    (-0.05, -0.0922, 29)
    """
    level = checked("level", level, Level)
    require_columns(cells, [column])
    answered = truth_of(cells, responded, "whether a customer answered")
    n = counts_of(cells)
    require_both(n, answered)
    value = _number(cells[column], column, n)
    parts = clusters_of(cells.drop(columns=["w", "w2"], errors="ignore"), part=part)
    return _defect(column, value, n, answered, _answer_weights(cells, weights, answered, n), parts, level)


def data_defects(
    cells: pd.DataFrame,
    columns: Sequence[str],
    *,
    responded: str = "responded",
    weights: Sequence[float] | np.ndarray | None = None,
    part: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """:func:`data_defect` of several facts; of a column of categories, of each category.

    Parameters
    ----------
    cells, responded, weights, part, level : as in :func:`data_defect`. columns : facts known for everyone.

    Returns
    -------
    One row per fact: ``variable``, ``category`` (missing for a number or a true-or-false fact), ``mean``,
    ``respondent_mean``, ``error``, ``correlation``, ``limit``, ``exceeds``, ``effective_n``, ``effective_low``,
    ``effective_high`` (missing unless ``exceeds``). Facts that are the same for everyone have no row.

    Raises
    ------
    ValueError : as :func:`data_defect`.

    Examples
    --------
    >>> cells = pd.DataFrame({"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2,
    ...                       "n": [300, 700, 200, 800]})
    >>> data_defects(cells, ["channel"])["correlation"].round(4).tolist()
    [0.1155, -0.1155]
    """
    level = checked("level", level, Level)
    columns = [columns] if isinstance(columns, str) else list(columns)
    require_columns(cells, columns)
    answered = truth_of(cells, responded, "whether a customer answered")
    n = counts_of(cells)
    require_both(n, answered)
    after = _answer_weights(cells, weights, answered, n)
    parts = clusters_of(cells.drop(columns=["w", "w2"], errors="ignore"), part=part)
    rows = []
    for name in columns:
        truth = pd.api.types.is_bool_dtype(cells[name])
        facts = [(None, _number(cells[name], name, n))] if truth else _indicators(cells[name], name, n)
        for category, value in facts:
            if np.ptp(value[n > 0]) == 0:
                continue
            result = _defect(name, value, n, answered, after, parts, level)
            row = {"variable": name, "category": category}
            rows.append(row | {field: getattr(result, field) for field in _FIELDS})
    frame = pd.DataFrame(rows, columns=["variable", "category", *_FIELDS])
    effective = dict.fromkeys(("effective_n", "effective_low", "effective_high"), "Float64")
    return frame.astype({"variable": "string", "category": "string", **effective})


def n_worth(correlation: float, response_rate: float) -> float:
    """Answers of a random sample that err as much as a survey with this data defect correlation: f/(1 − f)/ρ².

    Parameters
    ----------
    correlation : data defect correlation, −1 to 1, not 0: the median of the facts one has, say, for a fact one has not.
    response_rate : share f of the customers who answered, between 0 and 1.

    Raises
    ------
    ValueError : a correlation or a rate out of range.

    Notes
    -----
    Meng (2018), equation 3.5. Does not depend on how many customers there are.

    Examples
    --------
    >>> round(n_worth(0.005, 0.01))  # Meng's example: 2.3 million answers in the 2016 US election
    404
    """
    _require_defect(correlation, response_rate)
    if correlation == 0:
        raise ValueError("a correlation of 0 is no defect: the answers are worth their number")
    return response_rate / (1 - response_rate) / correlation**2


def error_of_defect(correlation: float, response_rate: float, standard_deviation: float) -> float:
    """Error of the mean of those who answered that a data defect correlation makes: ρ·√((1 − f)/f)·σ.

    Parameters
    ----------
    correlation, response_rate : as in :func:`n_worth`. standard_deviation : of the quantity among all customers.

    Returns
    -------
    The error in the unit of the standard deviation, with the correlation's sign.

    Raises
    ------
    ValueError : a correlation, rate or standard deviation out of range.

    Examples
    --------
    >>> round(error_of_defect(0.37664, 0.1, 71.687), 1)  # NPS of +50 in a company at −31
    81.0
    """
    _require_defect(correlation, response_rate)
    if not standard_deviation >= 0:
        raise ValueError(f"a standard deviation is 0 or more, but is {standard_deviation}")
    return correlation * float(np.sqrt((1 - response_rate) / response_rate)) * standard_deviation


def _require_defect(correlation: float, response_rate: float) -> None:
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation must lie in −1 to 1, but is {correlation}")
    if not 0 < response_rate < 1:
        raise ValueError(f"response_rate must be a share between 0 and 1, but is {response_rate}")


_FIELDS = (
    "mean",
    "respondent_mean",
    "error",
    "correlation",
    "limit",
    "exceeds",
    "effective_n",
    "effective_low",
    "effective_high",
)


# --------------------------------------------------------------------------------------------- balance


def _difference(
    variable: str,
    category: str | None,
    value: np.ndarray,
    mass: np.ndarray,
    before: np.ndarray,
    after: np.ndarray | None,
    limit: float,
) -> dict[str, object]:
    mean = mass @ value / mass.sum()
    spread = np.sqrt(mass @ (value - mean) ** 2 / mass.sum())
    first = before @ value / before.sum()
    second = float("nan") if after is None else after @ value / after.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        smd = [(x - mean) / spread if spread > 0 else 0.0 for x in (first, second)]
    return {
        "variable": variable,
        "category": category,
        "population_share": mean,
        "respondent_share": first,
        "weighted_share": second,
        "smd_before": smd[0],
        "smd_after": float("nan") if after is None else smd[1],
        "chance_limit": limit,
    }


def _chance(n: np.ndarray, answered: np.ndarray, clusters: Clusters, level: float) -> float:
    """How far from 0 a standardised difference stays in random samples of the size (Kish's, where weighted)."""
    from scipy.special import ndtri

    mass, square = clusters.mass[answered].sum(), clusters.square[answered].sum()
    worth = mass**2 / square
    rate = n[answered].sum() / n.sum()
    return float(ndtri((1 + level) / 2) * np.sqrt((1 - rate) / worth))


def _indicators(column: pd.Series, name: str, mass: np.ndarray) -> list[tuple[str | None, np.ndarray]]:
    """A number as itself, categories as one indicator each."""
    truth = pd.api.types.is_bool_dtype(column)
    if pd.api.types.is_numeric_dtype(column) and not truth and column.nunique() > NUMBER:
        return [(None, _number(column, name, mass))]
    code, names = label_codes(column)
    size = np.bincount(code, weights=mass, minlength=len(names))
    return [(label, (code == i).astype(float)) for i, label in enumerate(names) if size[i] > 0]


def _number(column: pd.Series, name: str, n: np.ndarray) -> np.ndarray:
    """A column of true and false or of numbers, known for everyone, shape (R,)."""
    if not (pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column)):
        raise ValueError(
            f"{name!r} holds {column.dropna().unique()[:3].tolist()}, which is neither true or false nor a number. For "
            "categories take data_defects, which asks for each of them"
        )
    missing = column.isna().to_numpy() & (n > 0)
    if missing.any():
        raise ValueError(
            f"{name!r} is not known for {count(n[missing].sum())} of {count(n.sum())} customers: a fact that is compared "
            "must be known for everyone invited. Leave those cells out, if it may be missing at random, or fill them"
        )
    return column.to_numpy(dtype=float, na_value=0.0)


def _answer_weights(
    cells: pd.DataFrame, weights: object, answered: np.ndarray, n: np.ndarray
) -> np.ndarray | None:
    """Weight of all who answered in a row, 0 in rows without answers, shape (R,); None without weights."""
    if weights is None:
        return None
    given = np.asarray(getattr(weights, "weights", weights), dtype=float)
    if given.shape != (len(cells),):
        raise ValueError(
            f"weights must be one per row of cells, {len(cells):,} of them (those of rows without an answer are ignored), "
            f"but have shape {given.shape}"
        )
    used = answered & (n > 0)
    if not np.all(np.isfinite(given[used])) or np.any(given[used] < 0):
        raise ValueError("weights of those who answered must be numbers of 0 or more, none missing")
    if not given[used].sum() > 0:
        raise ValueError("the weights of those who answered are all 0")
    return np.where(used, n * np.where(used, given, 0.0), 0.0)


# ----------------------------------------------------------------------------------------- data defect


def _defect(
    column: str,
    value: np.ndarray,
    n: np.ndarray,
    answered: np.ndarray,
    weighted: np.ndarray | None,
    parts: Clusters,
    level: float,
) -> DataDefect:
    total, answers = n.sum(), n[answered].sum()
    rate = answers / total
    mean = float(n @ value / total)
    spread = float(np.sqrt(n @ (value - mean) ** 2 / total))
    if not spread > 0:
        raise ValueError(f"{column!r} is {mean:g} for everyone invited: nothing can go with answering")
    mass = np.where(answered, n, 0.0) if weighted is None else weighted
    respondent_mean = float(mass @ value / mass.sum())
    error = respondent_mean - mean
    # weight of one customer per row, with mean 1 among those who answered; 0 for those who did not
    per_head = np.divide(mass, n, out=np.zeros_like(mass), where=n > 0) * (answers / mass.sum())
    limit, exceeds = _random_sampling(value, mean, error, n, answered, per_head, parts, level)
    worth: tuple[float | None, ...] = (None, None, None)
    if exceeds:
        worth = _effective(value, error, limit, spread, n, answered, per_head, parts, level)
    return DataDefect(
        column=column,
        mean=mean,
        respondent_mean=respondent_mean,
        error=error,
        correlation=error / (spread * float(np.sqrt((1 - rate) / rate))),
        limit=limit,
        exceeds=exceeds,
        effective_n=worth[0],
        effective_low=worth[1],
        effective_high=worth[2],
        n=round(total),
        n_answered=round(answers),
        level=level,
    )


def _random_sampling(
    value: np.ndarray,
    mean: float,
    error: float,
    n: np.ndarray,
    answered: np.ndarray,
    per_head: np.ndarray,
    parts: Clusters,
    level: float,
) -> tuple[float, bool]:
    """How far an error of this sign goes in random samples of as many answers, and whether it went farther."""
    from scipy.special import ndtri

    total, answers = n.sum(), n[answered].sum()
    rate = answers / total
    inflation = float((n * per_head**2)[answered].sum() / answers)  # Kish's design effect of the weights
    variance = (1 - rate) / answers * (n @ (value - mean) ** 2) / (total - 1) * inflation
    if parts.part is not None:
        # customers invited repeatedly: by how much they make answering's scores vary more than alone they would
        scores = (answered * 1.0 - rate) * (value - mean) / answers
        alone = float(n @ scores**2)
        variance *= max(1.0, parts.variance(scores) / alone)
    limit = float(ndtri((1 + level) / 2) * np.sqrt(variance))
    two = np.unique(value[n > 0])
    exact = len(two) == 2 and inflation == 1 and parts.part is None and total < 1e6
    if exact and min(mean_share := (mean - two[0]) / np.ptp(two), 1 - mean_share) * answers < 50:
        return _hypergeometric(two, error, n, value, answers, level)
    return limit, bool(abs(error) > limit)


def _hypergeometric(
    two: np.ndarray, error: float, n: np.ndarray, value: np.ndarray, answers: float, level: float
) -> tuple[float, bool]:
    """The exact limit for a rare fact: how many with it a random draw without replacement holds."""
    from scipy.stats import hypergeom

    with_it = round(n[value == two[1]].sum())
    drawn = hypergeom(round(n.sum()), with_it, round(answers))
    tail = (1 - level) / 2
    expected = answers * with_it / n.sum()
    edge = drawn.ppf(tail) if error < 0 else drawn.isf(tail)
    limit = float(abs(edge - expected) / answers * np.ptp(two))
    return limit, bool(abs(error) > limit * (1 + 1e-9))


def _effective(
    value: np.ndarray,
    error: float,
    limit: float,
    spread: float,
    n: np.ndarray,
    answered: np.ndarray,
    per_head: np.ndarray,
    parts: Clusters,
    level: float,
) -> tuple[float, float, float]:
    """Effective n with its interval, both at most n."""
    answers = n[answered].sum()
    respondent_mean = float((n * per_head) @ value / (n * per_head).sum())
    band = _bands(value, n)
    asked = np.bincount(band, weights=n)
    rate = np.bincount(band, weights=n * answered, minlength=len(asked)) / asked
    if np.ptp(per_head[answered]) == 0:
        scores = (answered * 1.0 - rate[band]) * (value - respondent_mean) / answers
    else:
        # weights tell apart customers of one band: what varies is each one's own contribution
        scores = answered * np.sqrt(1 - rate[band]) * per_head * (value - respondent_mean) / answers
    if parts.part is None:
        deviation = np.sqrt(float(n @ scores**2))
    else:
        deviation = np.sqrt(max(parts.variance(scores), float(n @ scores**2)))
    cap = float(answers)
    point = min(spread**2 / error**2, cap)
    if not deviation > 0:
        return float(point), float(point), float(point)
    smallest, largest = _conditional_interval(abs(error) / deviation, limit / deviation, level)
    low = min(spread**2 / (largest * deviation) ** 2, cap)
    high = cap if smallest <= 0 else min(spread**2 / (smallest * deviation) ** 2, cap)
    return float(point), float(low), float(high)


def _bands(value: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Number of the band of each row: its value where there are few, else bands of about as many customers each."""
    values, place = np.unique(value, return_inverse=True)
    if len(values) <= VALUE_BANDS:
        return place
    size = np.bincount(place, weights=n)
    middle = (np.cumsum(size) - size / 2) / size.sum()
    band = np.minimum((middle * VALUE_BANDS).astype(int), VALUE_BANDS - 1)
    return np.unique(band[place], return_inverse=True)[1]


def _conditional_interval(x: float, threshold: float, level: float) -> tuple[float, float]:
    """Interval of θ from X ~ N(θ, 1) that is looked at only where \\|X\\| > threshold (x > 0).

    The lower limit takes the truncated distribution (an X barely beyond the threshold may well come from a θ near 0); the
    upper is the usual x + z, never below the truncated one, so that x itself is inside.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    tail = (1 - level) / 2
    x = max(x, threshold * (1 + 1e-9))
    low = brentq(lambda theta: _truncated_share(x, threshold, theta) - (1 - tail), -60.0, x + 1)
    return float(low), float(x + ndtri(1 - tail))


def _truncated_share(x: float, threshold: float, theta: float) -> float:
    """P(X ≤ x | |X| > threshold) for X ~ N(θ, 1) and x > threshold, without losing small probabilities."""
    from scipy.special import log_ndtr, logsumexp

    lower = log_ndtr(-threshold - theta)
    upper = log_ndtr(theta - threshold)
    above = log_ndtr(theta - x)
    return float(-np.expm1(above - logsumexp([lower, upper])))
