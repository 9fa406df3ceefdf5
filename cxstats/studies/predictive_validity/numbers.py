"""What the predictive-validity report shows, computed: plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cxstats.findings import Verdict
from cxstats.methods.association import Association
from cxstats.methods.cutpoints import Cutpoints
from cxstats.methods.incremental import NestedTest, Race
from cxstats.methods.performance import BrierScore, Calibration, DecisionCurve
from cxstats.methods.ranks import RankSets
from cxstats.methods.survival import SurvivalCurves
from cxstats.metrics import Metric

__all__ = ["Base", "Contender", "Money", "Numbers", "Settings", "Silence", "Timing"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The study's parameters, checked."""

    outcome: str
    metrics: tuple[str, ...]
    known: tuple[str, ...]
    margin: float
    level: float
    wave: str | None
    contact_cost: float
    value_saved: float | None
    success: float
    smallest_group: int
    seed: int


@dataclass(frozen=True, slots=True)
class Base:
    """Whom the numbers speak of.

    Attributes
    ----------
    invited, answered : customers asked (None where that is not known), and those who answered any of the metrics.
    known : customers asked whose outcome is known; unknown : those whose window had not ended, or with no record.
    events : of ``known``.
    respondents, respondent_events : those who answered any metric and whose outcome is known.
    called_back : share of the respondents who were called back after answering; None where that is not recorded.
    before : events dated before the invitation, which say nothing and count as none.
    """

    invited: int | None
    answered: int
    known: int
    unknown: int
    events: int
    respondents: int
    respondent_events: int
    called_back: float | None
    before: int

    @property
    def rate(self) -> float:
        """Share with the event among all whose outcome is known."""
        return self.events / self.known if self.known else float("nan")

    @property
    def respondent_rate(self) -> float:
        """Share with the event among those who answered."""
        return self.respondent_events / self.respondents if self.respondents else float("nan")


@dataclass(frozen=True, slots=True)
class Contender:
    """One metric in the race.

    Attributes
    ----------
    gain, low, high : AUC gained over what was known, with an interval that holds for all metrics together.
    verdict : against the margin.
    auc : of the score as it is, without a rule: value and DeLong interval.
    first : share of resamples in which its gain is the largest. places : places it can hold in the ranking of gains.
    association : outcome by score; cuts : partitions of its scale (None where there are too few events).
    nested : whether it tells anything at all beyond what was known.
    answered_all : share of the respondents who answered this metric.
    """

    metric: Metric
    gain: float
    low: float
    high: float
    verdict: Verdict
    auc: tuple[float, float, float]
    first: float
    places: tuple[int, int]
    association: Association | None
    cuts: Cutpoints | None
    nested: NestedTest
    answered: float


@dataclass(frozen=True, slots=True)
class Money:
    """What acting on a rule is worth at the user's costs.

    Attributes
    ----------
    threshold : chance from which on contacting a customer pays, cost/(success · value saved).
    value_saved : of one customer kept; average of the customers' recorded value where none was given.
    profit : per 1,000 customers and rule, in the value's unit: ``everybody``, ``known``, each metric, ``all``.
    """

    threshold: float
    value_saved: float
    measured: bool
    profit: dict[str, float]


@dataclass(frozen=True, slots=True)
class Silence:
    """Whether not answering tells who has the event.

    Attributes
    ----------
    answered_rate, silent_rate : shares with the event. difference : silent less answered in percentage points, with
        Newcombe's interval.
    gain : AUC gained over what was known by who answered, with its interval.
    """

    answered_rate: float
    silent_rate: float
    difference: tuple[float, float, float]
    gain: tuple[float, float, float]
    n: int


@dataclass(frozen=True, slots=True)
class Timing:
    """When it happens, for the metric that adds most."""

    metric: Metric
    curves: SurvivalCurves
    warning: pd.DataFrame
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything the report shows. Parts that the data cannot fill are None, with the reason in ``missing``."""

    settings: Settings
    outcome_label: str
    window_days: int | None
    base: Base
    verdict: Verdict
    contenders: tuple[Contender, ...]
    race: Race | None
    ranks: RankSets | None
    weighted: Race | None
    later: Race | None
    silence: Silence | None
    calibration: Calibration | None
    brier: BrierScore | None
    lift: dict[str, float]
    decision: DecisionCurve | None
    money: Money | None
    timing: Timing | None
    known_labels: dict[str, str]
    n_for_margin: int | None
    repeated: bool
    left_out_metrics: dict[str, str]
    missing: dict[str, str]

    @property
    def best(self) -> Contender | None:
        """The metric that adds most."""
        return max(self.contenders, key=lambda c: c.gain) if self.contenders else None
