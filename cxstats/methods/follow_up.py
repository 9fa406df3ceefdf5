"""Following up a random part of those who did not answer: the one design that needs next to no assumption.

Draw some of the customers who did not answer, at random, and get their answers by whatever it takes. What those answers
say about the others is a sample statement like any other. What the followed-up who stay silent would have said remains
open, and is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.cells import cluster_variance
from cxstats.methods.limits import critical_value
from cxstats.methods.regions import Region, imbens_manski
from cxstats.metrics import Metric
from cxstats.parameters import Level, Power, Share, checked
from cxstats.show import definition_html

__all__ = [
    "FollowUpEstimate",
    "FollowUpPlan",
    "TwoPhaseDesign",
    "hansen_hurwitz",
    "instrument_power",
    "n_for_instrument",
    "optimal_design",
    "plan",
]


# ------------------------------------------------------------------------------------------------ plan


@dataclass(frozen=True, slots=True, eq=False)
class FollowUpPlan:
    """How many of those who did not answer to follow up.

    Attributes
    ----------
    metric : the metric.
    margin_of_error : half-width of the interval that was asked for, in the metric's unit.
    selected, answers : customers to draw, and answers expected of them; None where no number suffices.
    expected : half-width with so many, in the metric's unit; at the largest possible follow-up where ``selected`` is None.
    unbounded : by how far each way what the silent of the follow-up would have said could move the score besides, in
        the metric's unit (0 if all answer).
    smallest : smallest half-width that any follow-up can reach, because the first answers have an error too.
    cost : of drawing, contacting and processing; None where no costs were given.
    table : ``selected``, ``answers``, ``margin_of_error``, ``unbounded``, ``cost`` for a range of sizes.
    level : of the interval.
    """

    metric: Metric
    margin_of_error: float
    selected: int | None
    answers: float | None
    expected: float
    unbounded: float
    smallest: float
    cost: float | None
    table: pd.DataFrame
    level: float

    def _repr_html_(self) -> str:
        unit = self.metric.unit
        found = (
            "no number suffices"
            if self.selected is None
            else f"{self.selected:,} customers, some {self.answers:,.0f} answers"
        )
        return definition_html(
            f"Follow-up for {self.metric.short} of everyone to ±{self.margin_of_error:g} {unit}",
            [
                ("to follow up", found),
                (f"{self.level:.0%} half-width then", f"{self.expected:.2f} {unit}"),
                ("left open by its own silent", f"±{self.unbounded:.2f} {unit}"),
                *([("cost", f"{self.cost:,.0f}")] if self.cost is not None else []),
            ],
        )


def plan(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    n_invited: float,
    *,
    margin_of_error: float | None = None,
    answer_rate: float = 0.7,
    others_sd: float | None = None,
    level: float = 0.95,
    cost_contact: float | None = None,
    cost_answer: float = 0.0,
    design_effect: float = 1.0,
) -> FollowUpPlan:
    """How many of those who did not answer to follow up for an interval of everyone's value of a given half-width.

    Parameters
    ----------
    counts : answers so far, by category or distinct value.
    metric, n_invited : what an answer is worth; everyone invited.
    margin_of_error : half-width wanted, in the metric's unit; default half the metric's margin, so that a bias of 0 can be
        told from one of the margin.
    answer_rate : share of the followed-up who will answer, in (0, 1].
    others_sd : standard deviation of one answer among the others; default half the metric's range, the largest there
        can be, because nothing is known of them.
    level : of the interval.
    cost_contact, cost_answer : of following up one customer, and of one answer; in any currency.
    design_effect : of the first answers (repeated customers, weights).

    Raises
    ------
    ValueError : nobody answered or everyone did, a rate or a standard deviation out of range.

    Notes
    -----
    Hansen & Hurwitz 1946, *JASA* 41: variance f²s₁²/n₁ + (1 − f)²s₂²/m + (θ₁ − θ₂)²f(1 − f)/N, the last term taken at
    θ₁ = θ₂, finite-population corrections left out. m answers of m/answer_rate selected. The silent of the follow-up
    can move the score by (1 − f)(1 − answer_rate) times half the metric's range either way, whatever its size: raise the
    answer rate before the number.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> result = plan([450, 990, 1560], NPS, 15_000, answer_rate=0.8)
    >>> result.selected, round(result.expected, 2), round(result.unbounded, 1)
    (5142, 2.5, 16.0)
    """
    level = checked("level", level, Level)
    answer_rate = checked("answer_rate", answer_rate, Share)
    table = metric.reduce(counts)
    n = float(table.sum())
    if not 0 < n < n_invited:
        raise ValueError(
            f"{metric.short}: a follow-up needs some who answered and some who did not, but {n:,.0f} of "
            f"{n_invited:,.0f} invited answered"
        )
    half = (metric.high - metric.low) / 2
    wanted = metric.margin / 2 if margin_of_error is None else float(margin_of_error)
    spread = half if others_sd is None else float(others_sd)
    if not (wanted > 0 and 0 < spread <= half):
        raise ValueError(
            f"the half-width must be above 0 and the standard deviation above 0 and at most {half:g} (half the range "
            f"of {metric.short}), but got {wanted:g} and {spread:g}"
        )
    rate = n / n_invited
    silent = n_invited - n
    z = critical_value(level)
    first = design_effect * rate**2 * metric.variance(table) / n

    def half_width(answers: float) -> float:
        return float(z * np.sqrt(first + (1 - rate) ** 2 * spread**2 / answers))

    def cost(selected: float) -> float | None:
        if cost_contact is None:
            return None
        return float(selected * cost_contact + selected * answer_rate * cost_answer)

    room = (wanted / z) ** 2 - first
    needed = (1 - rate) ** 2 * spread**2 / room if room > 0 else np.inf
    selected = int(np.ceil(needed / answer_rate - 1e-9)) if needed / answer_rate <= silent else None
    most = silent if selected is None else selected
    unbounded = (1 - rate) * (1 - answer_rate) * half
    sizes = np.unique(np.rint(np.geomspace(min(50, silent), silent, 25)).astype(int))
    curve = pd.DataFrame(
        {
            "selected": sizes,
            "answers": sizes * answer_rate,
            "margin_of_error": [half_width(size * answer_rate) for size in sizes],
            "unbounded": unbounded,
            "cost": [cost(size) for size in sizes],
        }
    )
    return FollowUpPlan(
        metric=metric,
        margin_of_error=wanted,
        selected=selected,
        answers=None if selected is None else selected * answer_rate,
        expected=half_width(most * answer_rate),
        unbounded=unbounded,
        smallest=float(z * np.sqrt(first)),
        cost=None if selected is None else cost(selected),
        table=curve,
        level=level,
    )


@dataclass(frozen=True, slots=True)
class TwoPhaseDesign:
    """Cheapest design of a survey that is followed up from the start.

    Attributes
    ----------
    invited : customers to invite.
    one_in : one in so many of those who do not answer is followed up (k of Hansen & Hurwitz).
    followed_up : customers expected to be followed up.
    cost : expected.
    standard_error : that it gives.
    """

    invited: int
    one_in: float
    followed_up: float
    cost: float
    standard_error: float

    def _repr_html_(self) -> str:
        return definition_html(
            "Cheapest survey with a follow-up",
            [
                ("invite", f"{self.invited:,}"),
                ("follow up", f"one in {self.one_in:.2f} of the silent, some {self.followed_up:,.0f}"),
                ("cost", f"{self.cost:,.0f}"),
                ("standard error", f"{self.standard_error:.3g}"),
            ],
        )


def optimal_design(
    standard_error: float,
    sd: float,
    *,
    response_rate: float,
    others_sd: float,
    cost_invite: float,
    cost_answer: float,
    cost_follow_up: float,
    population: float = np.inf,
) -> TwoPhaseDesign:
    """Invitations and follow-ups that reach a standard error at the lowest expected cost.

    Parameters
    ----------
    standard_error : wanted, in the metric's unit.
    sd, others_sd : standard deviation of one answer, of everyone and of those who do not answer at first.
    response_rate : share who answer at first, in (0, 1).
    cost_invite, cost_answer, cost_follow_up : of inviting one customer, processing one first answer, and getting and
        processing one answer by follow-up.
    population : customers there are.

    Raises
    ------
    ValueError : a number out of range.

    Notes
    -----
    k = √{c₂(S² − W₂S₂²)/(S₂²(c₀ + c₁W₁))}, at least 1; n = N(S² + (k − 1)W₂S₂²)/(N·V + S²) (Hansen & Hurwitz 1946;
    Cochran 1977, *Sampling Techniques*, 13.6).

    Examples
    --------
    >>> design = optimal_design(1.0, 70, response_rate=0.3, others_sd=70,
    ...                         cost_invite=0.1, cost_answer=0.4, cost_follow_up=4.1)
    >>> design.invited, round(design.one_in, 2), round(design.followed_up)
    (9581, 2.36, 2836)
    """
    rate = response_rate
    if not (
        0 < rate < 1
        and min(standard_error, sd, others_sd) > 0
        and cost_invite >= 0
        and cost_answer >= 0
        and cost_follow_up > 0
        and cost_invite + cost_answer > 0
    ):
        raise ValueError(
            "an optimal design needs a response rate in (0, 1), standard deviations and a standard error above 0, and "
            "costs of 0 or more (following up above 0)"
        )
    between = max(sd**2 - (1 - rate) * others_sd**2, 0.0)
    first_cost = cost_invite + cost_answer * rate
    k = max(1.0, float(np.sqrt(cost_follow_up * between / (others_sd**2 * first_cost))))
    inflated = sd**2 + (k - 1) * (1 - rate) * others_sd**2
    exact = inflated / (standard_error**2 + (sd**2 / population if np.isfinite(population) else 0.0))
    invited = int(np.ceil(min(exact, population)))
    followed = invited * (1 - rate) / k
    correction = sd**2 / population if np.isfinite(population) else 0.0
    return TwoPhaseDesign(
        invited=invited,
        one_in=k,
        followed_up=followed,
        cost=float(invited * first_cost + followed * cost_follow_up),
        standard_error=float(np.sqrt(max(inflated / invited - correction, 0.0))),
    )


# -------------------------------------------------------------------------------------------- estimate


@dataclass(frozen=True, slots=True)
class FollowUpEstimate:
    """What a follow-up says of everyone.

    Attributes
    ----------
    metric : the metric.
    first, others : value among those who answered at first, and among the followed-up who answered.
    response_rate : at first.
    selected, answered : customers followed up, and those of them who answered.
    value, standard_error, low, high : of everyone, if the silent of the follow-up are like those who answered it.
    bias, bias_standard_error, bias_low, bias_high : first answers minus everyone, on the same condition.
    everyone, bias_region : the same with what the silent of the follow-up would have said left open: its range is the
        worst case for them, the region adds sampling error.
    level : of intervals and regions.
    """

    metric: Metric
    first: float
    others: float
    response_rate: float
    selected: float
    answered: float
    value: float
    standard_error: float
    low: float
    high: float
    bias: float
    bias_standard_error: float
    bias_low: float
    bias_high: float
    everyone: Region
    bias_region: Region
    level: float

    @property
    def answer_rate(self) -> float:
        """Share of the followed-up who answered."""
        return self.answered / self.selected

    def _repr_html_(self) -> str:
        unit = self.metric.unit
        return definition_html(
            f"{self.metric.short} of everyone, from a follow-up",
            [
                ("value", f"{self.value:.2f} {unit} ({self.level:.0%}: {self.low:.2f} to {self.high:.2f})"),
                ("with its silent left open", f"{self.everyone.low:.2f} to {self.everyone.high:.2f} {unit}"),
                ("followed up", f"{self.answered:,.0f} of {self.selected:,.0f} answered"),
            ],
        )


def hansen_hurwitz(
    cells: pd.DataFrame,
    metric: Metric,
    *,
    score: str,
    follow_up: str = "follow_up",
    level: float = 0.95,
    matrix: np.ndarray | None = None,
) -> FollowUpEstimate:
    """Everyone's value from first answers and a random follow-up of those who did not answer.

    Parameters
    ----------
    cells : everyone invited: rows with ``n``, ``score`` (missing where not answered, also after the follow-up) and
        ``follow_up`` (True for those drawn among the customers who had not answered).
    metric : what an answer is worth.
    level : of intervals.
    matrix : M over the rows of ``cells`` where customers repeat (``cxstats.cells.cluster_matrix``).

    Raises
    ------
    ValueError : nobody answered at first, nobody was followed up, fewer than two followed-up answered.

    Notes
    -----
    θ = f·θ₁ + (1 − f)·θ₂ (Hansen & Hurwitz 1946), linearised variance. The follow-up must have been drawn at random among
    those who had not answered; it is a ratio, so its sampling fraction may differ from what was planned.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({
    ...     "nps": pd.array([10, 8, 3, 10, 8, 3, None, None], dtype="Int64"),
    ...     "follow_up": [False, False, False, True, True, True, True, False], "n": [60, 25, 15, 30, 25, 25, 20, 800]})
    >>> result = hansen_hurwitz(cells, NPS, score="nps")
    >>> round(result.value, 1), round(result.bias, 1)
    (10.1, 34.9)
    """
    level = checked("level", level, Level)
    for column in ("n", score, follow_up):
        if column not in cells.columns:
            raise ValueError(
                f"the cells have no column {column!r}; they have {', '.join(map(repr, cells.columns))}"
            )
    n = cells["n"].to_numpy(dtype=float)
    given = cells[score].notna().to_numpy()
    drawn = cells[follow_up].fillna(False).to_numpy(dtype=bool)
    worth = np.zeros(len(cells))
    worth[given] = np.asarray(metric.values, dtype=float)[
        cells.loc[given, score].to_numpy(dtype=int) - metric.scale.low
    ]
    at_first, later = given & ~drawn, given & drawn
    total, n1, m, selected = n.sum(), n[at_first].sum(), n[later].sum(), n[drawn].sum()
    if not n1 > 0:
        raise ValueError(f"{metric.short}: nobody answered before the follow-up")
    if not selected > 0:
        raise ValueError(f"column {follow_up!r} marks nobody: no customer was followed up")
    if m < 2:
        raise ValueError(
            f"{metric.short}: {m:,.0f} of the {selected:,.0f} followed up answered; at least two answers are needed"
        )
    rate = n1 / total
    first = float(n[at_first] @ worth[at_first] / n1)
    others = float(n[later] @ worth[later] / m)
    answer_rate = m / selected

    # what one customer of each row adds to the error of each quantity
    to_rate = (at_first - rate) / total
    to_first = np.where(at_first, worth - first, 0.0) / n1
    to_others = np.where(later, worth - others, 0.0) / m
    to_answer = np.where(drawn, later - answer_rate, 0.0) / selected
    # Σ(y − ȳ)² over n² is the variance with divisor n; answers are few in a follow-up
    to_first, to_others = to_first * np.sqrt(n1 / max(n1 - 1, 1)), to_others * np.sqrt(m / (m - 1))

    def error(influence: np.ndarray) -> float:
        if matrix is not None:
            return float(np.sqrt(cluster_variance(influence, matrix)))
        return float(np.sqrt(n @ influence**2))

    def combined(mean: float, to_mean: np.ndarray) -> tuple[float, float, float, float]:
        """Value and bias of everyone with their errors, the others' mean given."""
        value, bias = rate * first + (1 - rate) * mean, (1 - rate) * (first - mean)
        to_value = rate * to_first + (1 - rate) * to_mean + (first - mean) * to_rate
        to_bias = (1 - rate) * (to_first - to_mean) - (first - mean) * to_rate
        return value, error(to_value), bias, error(to_bias)

    value, se, bias, bias_se = combined(others, to_others)

    def open_end(end: float) -> tuple[float, float, float, float]:
        mean = answer_rate * others + (1 - answer_rate) * end
        return combined(mean, answer_rate * to_others + (others - end) * to_answer)

    bottom, top = open_end(metric.low), open_end(metric.high)
    z = critical_value(level)

    def region(low: tuple[float, float], high: tuple[float, float]) -> Region:
        ends = imbens_manski(low[0], max(high[0], low[0]), low[1], high[1], level)
        return Region(*ends, low[0], high[0], level)

    return FollowUpEstimate(
        metric=metric,
        first=first,
        others=others,
        response_rate=float(rate),
        selected=float(selected),
        answered=float(m),
        value=float(value),
        standard_error=se,
        low=max(float(value - z * se), metric.low),
        high=min(float(value + z * se), metric.high),
        bias=float(bias),
        bias_standard_error=bias_se,
        bias_low=float(bias - z * bias_se),
        bias_high=float(bias + z * bias_se),
        everyone=region(bottom[:2], top[:2]),
        bias_region=region(top[2:], bottom[2:]),
        level=level,
    )


# -------------------------------------------------------------------------------- randomised reminders


def instrument_power(
    n_per_arm: float,
    response_rates: tuple[float, float],
    difference: float,
    sd: float,
    *,
    level: float = 0.95,
) -> float:
    """Chance that randomised reminders show that response depends on the score.

    Parameters
    ----------
    n_per_arm : customers invited in each of two arms.
    response_rates : without and with the extra reminder, in (0, 1), different.
    difference : value of customers who answer only because of the reminder minus that of those who answer anyway, in the
        metric's unit.
    sd : standard deviation of one answer.
    level : of the two-sided test.

    Raises
    ------
    ValueError : a number out of range, or arms with the same response rate.

    Notes
    -----
    Between the arms' respondents the values then differ by only difference·(f₁ − f₀)/f₁: a reminder that brings few more
    answers needs many customers. Assumes that nobody answers less for being reminded.

    Examples
    --------
    >>> round(instrument_power(20_000, (0.20, 0.25), -30, 70), 2)
    0.98
    """
    level = checked("level", level, Level)
    low, high = _checked_rates(response_rates)
    if not (n_per_arm > 1 and sd > 0):
        raise ValueError(f"an arm needs customers and answers must vary, but got {n_per_arm} and {sd}")
    from scipy.special import ndtr

    effect = abs(difference) * (high - low) / high
    error = sd * np.sqrt(1 / (n_per_arm * low) + 1 / (n_per_arm * high))
    z = critical_value(level)
    return float(ndtr(effect / error - z) + ndtr(-effect / error - z))


def n_for_instrument(
    response_rates: tuple[float, float],
    difference: float,
    sd: float,
    *,
    power: float = 0.8,
    level: float = 0.95,
) -> int:
    """Customers per arm of randomised reminders for a given power (see :func:`instrument_power`).

    >>> n_for_instrument((0.20, 0.25), -30, 70)
    9615
    """
    from scipy.optimize import brentq

    power = checked("power", power, Power)
    if not difference:
        raise ValueError("a difference of 0 cannot be found with any number of customers")
    _checked_rates(response_rates)

    def short(log_n: float) -> float:
        return instrument_power(np.exp(log_n), response_rates, difference, sd, level=level) - power

    return int(np.ceil(np.exp(brentq(short, np.log(1.01), np.log(1e15))) - 1e-6))


def _checked_rates(rates: tuple[float, float]) -> tuple[float, float]:
    low, high = sorted(float(rate) for rate in rates)
    if not 0 < low < high <= 1:
        raise ValueError(f"two different response rates in (0, 1] are needed, but got {tuple(rates)}")
    return low, high
