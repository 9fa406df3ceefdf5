"""What the report shows, computed: plain numbers, which sentences and figures only print."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cxstats.findings import Verdict
from cxstats.methods.intervals import Estimate
from cxstats.metrics import Metric

__all__ = [
    "BalanceRow",
    "Category",
    "Check",
    "Choice",
    "Coverage",
    "Defect",
    "EarlyLate",
    "FollowUp",
    "Instrument",
    "Numbers",
    "Partial",
    "Plan",
    "Rate",
    "RateTable",
    "Reach",
    "Region",
    "Robustness",
    "SelectionFound",
    "Settings",
    "Stage",
    "Tipping",
    "Trust",
    "Unit",
    "Units",
    "Unseen",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """The study's parameters, checked."""

    metric: str
    margin: float
    level: float
    variables: tuple[str, ...] | None
    weighting: str
    benchmark: str | None
    wave: str | None
    smallest_group: int
    seed: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of customers with its interval: ``n`` of ``of``."""

    label: str
    n: int
    of: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stage(Rate):
    """How far invitations got: ``n`` of all invited reached this stage."""


@dataclass(frozen=True, slots=True)
class RateTable:
    """Response rate in each category of one variable; ``hidden`` categories are too small to be shown."""

    name: str
    title: str
    rows: tuple[Rate, ...]
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """Customers that were never invited: ``table`` has the share invited by variable."""

    customers: int
    invited: int
    tables: tuple[RateTable, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A category's partial R-indicators: unconditional (with its sign) and conditional on the other variables."""

    label: str
    unconditional: float
    conditional: float


@dataclass(frozen=True, slots=True)
class Partial:
    """A variable's partial R-indicators, with their limits, which cannot be below 0."""

    title: str
    unconditional: float
    conditional: float
    unconditional_limits: tuple[float, float]
    conditional_limits: tuple[float, float]
    categories: tuple[Category, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """Who answers, as far as the frame decides it.

    ``largest`` is the largest bias of the score that a variable could have which is decided by the propensity these
    frame variables give: CV(ρ)·S(y), in the metric's unit. No bound on the whole bias.
    """

    auc: float
    r: float
    r_low: float
    r_high: float
    cv: float
    cv_low: float
    cv_high: float
    largest: float
    lowest_propensity: float
    highest_propensity: float
    partials: tuple[Partial, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """Share of a category among all invited, among the answers, and among the weighted answers."""

    variable: str
    category: str
    population: float
    answers: float
    weighted: float
    difference: float
    difference_weighted: float


@dataclass(frozen=True, slots=True)
class Defect:
    """Data defect of a fact known for everyone: how far the answers' share lies off, beyond chance or not.

    ``effective`` is the size of a random sample with the same error; None unless the error exceeds its limit.
    """

    label: str
    wave: str
    error: float
    limit: float
    correlation: float
    n: int
    effective: float | None = None
    effective_low: float | None = None
    effective_high: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One way of weighting, and what it gives.

    ``bias`` is the published score minus this one, with the interval of that difference (the two share their answers);
    ``design_effect`` is Kish's.
    """

    key: str
    label: str
    value: float
    standard_error: float
    low: float
    high: float
    design_effect: float
    family: str = ""
    bias: float = float("nan")
    bias_low: float = float("nan")
    bias_high: float = float("nan")


@dataclass(frozen=True, slots=True)
class Check:
    """A fact known for everyone that no weight was made from: what weighting does to it. All in percent.

    ``gap`` is the answers' share minus everyone's, before and after weighting; ``repaired`` the part of it that weighting
    removes, None where the gap is within chance.
    """

    name: str
    label: str
    everyone: float
    answers: float
    weighted: float
    gap: float
    gap_low: float
    gap_high: float
    gap_weighted: float
    gap_weighted_low: float
    gap_weighted_high: float
    repaired: float | None


@dataclass(frozen=True, slots=True)
class Region:
    """Bias over the declared assumption.

    Attributes
    ----------
    first, last : bias at φ = 0 (what is known explains who answers: weighting) and φ = 1 (satisfaction itself decides).
    lowest, highest : smallest and largest bias over φ, sampling error left out.
    low, high : uncertainty region: every φ from 0 to 1 and sampling error.
    """

    first: float
    last: float
    lowest: float
    highest: float
    low: float
    high: float

    @property
    def assumption(self) -> tuple[float, float]:
        """Lowest and highest bias over the assumption, sampling error left out."""
        return self.lowest, self.highest


@dataclass(frozen=True, slots=True)
class Trust:
    """One condition under which the range over φ can be believed, whether it holds, and what to say if it fails."""

    key: str
    condition: str
    found: str
    holds: bool
    fails: str = ""


@dataclass(frozen=True, slots=True)
class Unseen:
    """What may depend on satisfaction itself.

    Attributes
    ----------
    correlation : of the proxy (what the frame says of satisfaction) with the score.
    variance_ratio : of the proxy, those who answered against those who did not.
    deciles : response rate by tenth of the proxy, from the least to the most satisfied as the frame has it.
    phi, bias : the curve of bias over φ in [0, 1].
    conditions : what the range needs, and whether it holds.
    """

    correlation: float
    variance_ratio: float
    deciles: tuple[Rate, ...]
    phi: np.ndarray
    bias: np.ndarray
    bias_low: np.ndarray
    bias_high: np.ndarray
    conditions: tuple[Trust, ...]

    def off_by(self, margin: float) -> bool:
        """Whether the bias is surely beyond the margin even at φ = 0, where the silent are as weighting has them."""
        return bool(self.bias_low[0] > margin or self.bias_high[0] < -margin)

    @property
    def trusted(self) -> bool:
        """Whether every condition holds."""
        return all(condition.holds for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Tipping:
    """How different those who did not answer must be for the bias to reach the margin.

    Attributes
    ----------
    odds, value, low, high : the curve: odds of the worst answers among the silent, against those like them who answered,
        and the score of everyone that follows, with the limits of its distance from the published score.
    at_margin : the odds at which the bias reaches the margin; None where none does.
    ends_odds, ends_value, ends_low, ends_high : the same for both ends of the scale at once (the middle is silent more,
        or less).
    supported : how far both ends' odds may lie from 1 as the frame shows it, as (low, high) of the multiplier;
        None where the frame cannot tell.
    agrees : whether within ``supported`` the bias stays inside the margin.
    """

    odds: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    at_margin: float | None
    ends_odds: np.ndarray
    ends_value: np.ndarray
    ends_low: np.ndarray
    ends_high: np.ndarray
    ends_at_margin: tuple[float | None, float | None] = (None, None)
    supported: tuple[float, float] | None = None
    agrees: bool = False


@dataclass(frozen=True, slots=True)
class Robustness:
    """How far an unknown fact as telling as each known one would move the weighted score.

    ``benchmarks`` are (title, move in the metric's unit, correlation with the score); ``value`` is the robustness value
    for ``target``.
    """

    value: float
    target: float
    benchmarks: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class SelectionFound:
    """Score of everyone under a selection model, and the correlation of what moves answering and score."""

    everyone: float
    low: float
    high: float
    correlation: float


@dataclass(frozen=True, slots=True)
class Instrument:
    """A nudge to answer: response and score in each arm, last arm minus first, and the model a random one allows."""

    title: str
    randomised: bool
    arms: tuple[tuple[str, Rate, Estimate], ...]
    difference: float
    low: float
    high: float
    p_value: float
    model: SelectionFound | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlyLate:
    """Score by time to answer: (when, answers, value, low, high) from first to last, and the trend per step."""

    groups: tuple[tuple[str, int, float, float, float], ...]
    trend: float
    trend_low: float
    trend_high: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A follow-up of ``n`` answers from customers drawn from the silent, for an interval of ±``precision``.

    If only ``rate_assumed`` of those drawn answer, ``drawn`` have to be drawn, and what the rest would have said moves the
    score by up to ``unbounded`` either way.
    """

    n: int
    precision: float
    rate_assumed: float
    drawn: int | None
    unbounded: float
    curve: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A follow-up that was done: selected, answered, the score of everyone and the bias it shows.

    The ``_unbounded`` ends leave open what the selected who stayed silent again would have said.
    """

    selected: int
    answered: int
    value: float
    low: float
    high: float
    low_unbounded: float
    high_unbounded: float
    bias: float
    bias_low: float
    bias_high: float
    bias_low_unbounded: float
    bias_high_unbounded: float


@dataclass(frozen=True, slots=True)
class Unit:
    """A third of the units by response rate: their number, rate and mean score."""

    label: str
    n: int
    rate: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Units:
    """One row per hospital, store or branch: response rate against score.

    Attributes
    ----------
    n, left_out : units used; (why, how many) not used.
    slope, low, high : score points that go with ten points more response, adjusted for ``adjusted``.
    plain : the same without adjustment.
    rates, scores : the units' own numbers, shape (n,).
    groups : units in fifths of response rate.
    """

    noun: str
    n: int
    left_out: tuple[tuple[str, int], ...]
    few: int
    slope: float
    low: float
    high: float
    plain: float
    plain_low: float
    plain_high: float
    adjusted: tuple[str, ...]
    rates: np.ndarray
    scores: np.ndarray
    completed: int
    groups: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything the report shows. Parts that the data cannot fill are None or empty, with a reason in ``missing``.

    ``worst`` is the score of everyone in the worst case and in the best, ``worst_bias`` the bias with sampling error;
    ``by_worst_case`` says that the latter decided the verdict alone. ``by_design``: customers count by design weights.
    ``flag``: the "score" has one possible value, so that it only marks who answered.
    """

    settings: Settings
    metric: Metric
    n: int
    invited: int | None
    wave: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    published: Estimate | None = None
    design_effect: float = 1.0
    by_design: bool = False
    flag: bool = False
    variables: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    rates: tuple[RateTable, ...] = ()
    coverage: Coverage | None = None
    reach: Reach | None = None
    balance: tuple[BalanceRow, ...] = ()
    defects: tuple[Defect, ...] = ()
    choices: tuple[Choice, ...] = ()
    main: str = ""
    checks: tuple[Check, ...] = ()
    region: Region | None = None
    unseen: Unseen | None = None
    worst: tuple[float, float] | None = None
    worst_bias: tuple[float, float] | None = None
    by_worst_case: bool = False
    tipping: Tipping | None = None
    robustness: Robustness | None = None
    instruments: tuple[Instrument, ...] = ()
    early_late: EarlyLate | None = None
    plan: Plan | None = None
    follow_up: FollowUp | None = None
    units: Units | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def choice(self, key: str) -> Choice:
        """The weighting choice of this key."""
        return next(choice for choice in self.choices if choice.key == key)

    @property
    def rate(self) -> float | None:
        """Share of those invited who gave a usable answer, by design weights; None where nobody knows who was invited."""
        if self.stages:
            return self.stages[-1].value / 100
        return self.n / self.invited if self.invited else None

    @property
    def weighted(self) -> Choice | None:
        """The weighting that the report stands on."""
        return self.choice(self.main) if self.choices else None
