"""What the predictive-validity report shows, computed: plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from cxstats.findings import Verdict
from cxstats.methods.association import Association, has_usual_groups
from cxstats.methods.cutpoints import Cutpoints
from cxstats.methods.discrimination import AucComparison
from cxstats.methods.incremental import FEWEST_EVENTS, NestedTest, Race
from cxstats.methods.performance import BrierScore, Calibration, DecisionCurve, Ranking
from cxstats.methods.ranks import RankSets
from cxstats.methods.reliability import Disattenuated, Reliability
from cxstats.methods.survival import CoxFit, IncidenceCurves, SurvivalCurves
from cxstats.metrics import Metric
from cxstats.survey.model import Period

__all__ = [
    "FEWEST_EVENTS",
    "Base",
    "Contender",
    "GivenAway",
    "Grouped",
    "Lead",
    "Money",
    "Numbers",
    "Settings",
    "Silence",
    "Steadiness",
    "Timing",
    "Units",
    "Waited",
]

Triple = tuple[float, float, float]
"""A value and its limits."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The study's parameters, checked.

    ``common_window``: no window was declared, and ``window_days`` is the longest for which everybody was watched.
    """

    outcome: str
    metrics: tuple[str, ...]
    known: tuple[str, ...]
    window_days: int | None
    margin: float
    level: float
    wave: str | None
    contact_cost: float
    value_saved: float | None
    success: float
    smallest_group: int
    seed: int
    common_window: bool = False


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
    drawn : rows drawn by lot, on which all else on the page is run; None where that is all rows.
    before_answer : answers given after the event, or after the window: not among the respondents whose outcome is known.
    """

    invited: int | None
    answered: int
    known: int
    unknown: int
    events: int
    respondents: int
    respondent_events: int
    called_back: float | None
    drawn: int | None
    before_answer: int

    @property
    def all_answered(self) -> bool:
        """Whether everybody listed as invited answered, as in a list that was made of answers."""
        return self.invited is not None and self.invited == self.answered > 0

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
    nested : whether it tells anything at all beyond what was known; None where events are too few for the test.
    answered : share of the respondents who answered this metric.
    hidden : answers given by so few that their rate is not shown, with those that would give them away.
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
    nested: NestedTest | None
    answered: float
    hidden: frozenset[int]

    @property
    def usual_groups(self) -> bool:
        """Whether the metric puts answers into groups of its own, as NPS does; a mean does not."""
        return has_usual_groups(self.metric)

    @property
    def cuts_judged(self) -> bool:
        """Whether there are several ways to cut the scale, and answers tell who has the event: something to forget."""
        return self._several_cuts and not self.cuts_tell_nothing

    @property
    def cuts_tell_nothing(self) -> bool:
        """Whether no way to cut can be judged, because it is not shown that the answers tell who has the event."""
        return self._several_cuts and (self.cuts.p_association >= 0.05 or self.cuts.information_lost is None)

    @property
    def _several_cuts(self) -> bool:
        return self.cuts is not None and len(self.cuts.table) > 1


@dataclass(frozen=True, slots=True)
class GivenAway:
    """A score that tells who has the event too well to be a prediction.

    Attributes
    ----------
    why : in words. association : outcome by score. hidden : as of :class:`Contender`.
    ends : answers after which everybody had the event, and those after which nobody had, as a reader writes them.
    """

    metric: Metric
    why: str
    association: Association
    hidden: frozenset[int]
    ends: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Money:
    """What acting on a rule is worth at the user's costs.

    Attributes
    ----------
    threshold : chance from which on contacting a customer pays, cost/(success · value saved).
    value_saved : of one customer kept; average of the customers' recorded value where none was given.
    profit : per 1,000 customers and rule, in the value's unit: ``everybody``, ``known``, each metric, ``all``.
    more : profit above that of ``known``, with its limits, of each metric and ``all``.
    """

    threshold: float
    value_saved: float
    measured: bool
    profit: dict[str, float]
    more: dict[str, Triple]


@dataclass(frozen=True, slots=True)
class Lead:
    """How far contacting by one rule leads contacting by what was known: net benefit per customer, with limits.

    Attributes
    ----------
    table : ``threshold``, ``value``, ``low``, ``high`` along the curve. threshold : the one that the page speaks of,
        where contacting pays at the costs given, or else the base rate. at : the lead there. rule : net benefit of the rule
        itself there. contacted : shares of the customers that the rule, and what was known, would contact there.
    """

    table: pd.DataFrame
    threshold: float
    at: Triple
    rule: float
    contacted: tuple[float, float]

    @property
    def same(self) -> str:
        """ "everybody" or "nobody" where both contact as good as all customers, or none; else an empty text."""
        low, high = sorted(self.contacted)
        return "everybody" if low >= 0.99 else "nobody" if high <= 0.01 else ""


@dataclass(frozen=True, slots=True)
class Waited:
    """Days from the invitation to the answer, on average, of the lowest and the highest group of answers.

    Before the answer the event cannot have happened, or the answer would not count: of one window from the invitation, who
    answers later has less left in which it can.
    """

    low: float
    high: float

    @property
    def gap(self) -> float:
        """Days between the groups."""
        return abs(self.low - self.high)

    def matters(self, window_days: int) -> bool:
        """Whether one group has a fiftieth of the window less than the other."""
        return self.gap >= max(1.0, window_days / 50)


@dataclass(frozen=True, slots=True)
class Silence:
    """Whether not answering tells who has the event.

    Attributes
    ----------
    answered_rate, silent_rate : shares with the event. difference : silent less answered in percentage points, with
        Newcombe's interval.
    gain : AUC gained over what was known by who answered, with its interval.
    since : days from the invitation by which it is settled who answered: customers who had the event before do not count.
    """

    answered_rate: float
    silent_rate: float
    difference: tuple[float, float, float]
    gain: tuple[float, float, float]
    n: int
    since: int


@dataclass(frozen=True, slots=True)
class Grouped:
    """Hazard ratio of one step of the scale where events are known by month or week only.

    Attributes
    ----------
    grain : "month" or "week". ratio : with its limits. n, events : customers watched for a whole period, and events.
    """

    grain: str
    ratio: Triple
    n: int
    events: int


@dataclass(frozen=True, slots=True)
class Timing:
    """When it happens, for the metric that adds most.

    Attributes
    ----------
    curves : by group of answers. warning : AUC for events after each lead time.
    alone, beside : Cox regression on the answer alone, and beside what was known (None where it could not be fitted).
    sampled : customers, drawn at random, that these regressions are of where events are many; None where of all.
    grouped : takes their place where events are known by month or week only, read as whole periods.
    causes : incidence of each cause by group of answers, other causes at work; None where no causes are declared.
    merged_causes : causes with so few events that they stand together.
    hidden : groups of answers so small that they are not shown.
    from_answer : curves and ratios count days from the answer, and not from the invitation.
    """

    metric: Metric
    curves: SurvivalCurves
    warning: pd.DataFrame
    alone: CoxFit | None
    beside: CoxFit | None
    sampled: int | None
    grouped: Grouped | None
    causes: IncidenceCurves | None
    merged_causes: tuple[str, ...]
    hidden: tuple[str, ...]
    from_answer: bool


@dataclass(frozen=True, slots=True)
class Steadiness:
    """What the same customers answer when asked again, and the AUC a score would have without that noise.

    Attributes
    ----------
    steady : AUC of the score alone if it were measured without noise; secondary, decisions use the score as it is.
    """

    metric: Metric
    retest: Reliability
    auc: Triple
    steady: Disattenuated

    @property
    def bounded(self) -> bool:
        """Whether the data bounds what the score would tell without noise: it is surely reliable at all, and the
        correction stays within what is possible."""
        return self.retest.icc.consistency[1] > 0 and not self.steady.beyond


@dataclass(frozen=True, slots=True)
class Units:
    """Units with their score and their outcome, one row each.

    Attributes
    ----------
    noun : what readers call them. n : with score and outcome. without : left out, the outcome not known.
    answers : of these ``n``; 0 where not recorded. period : of which the outcome is; None where not stated.
    slope : change of the outcome per ``step`` points of score, adjusted; plain : without adjustment.
    rank : Spearman's correlation of score and outcome.
    known : share of the outcome's variance that what is known of the units predicts in units not trained on;
        gain : what the score adds to that share.
    adjusted : names of what was adjusted for, and known.
    fifths : by fifth of score: ``label``, ``n``, ``score``, ``value``, ``low``, ``high`` (adjusted mean outcome).
    others : per outcome the survey declares: ``label``, ``n``, ``rank``, ``low``, ``high``.
    """

    noun: str
    metric: Metric
    n: int
    without: int
    answers: int
    period: Period | None
    left_out: tuple[tuple[str, int], ...]
    step: float
    slope: Triple
    plain: Triple
    rank: Triple
    known: float
    gain: Triple
    adjusted: tuple[str, ...]
    fifths: pd.DataFrame
    others: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything the report shows. Parts that the data cannot fill are None, with the reason in ``missing``.

    ``pairs`` compares the scores as they are, alone, two by two, best first. ``rules`` has the AUC of the cross-fitted
    rules of what was "known" and of "all" scores by themselves; ``together`` is what all scores add, its limits as wide as
    those of each; its verdict is no part of the headline's. ``asked`` are the names of the metrics asked for, also of
    those that do not race. ``pooled``: several waves race together; ``nameless``: they
    do, and no customer ids tell who answered in several. ``n_for_margin`` customers tell a gain of nothing from
    the margin in 80 of 100 surveys, ``n_for_gap`` the best gain, as seen, from the margin; both None where
    ``known_hardly_tells``. ``wanted``: the event is to be hoped for (``inferred``: for want of a
    declaration, from the answers it goes with), so that those in whom
    it is *not* to be expected are contacted; ``lists``, ``decision``, ``lead`` and
    ``money`` are of them. ``lists`` says how good a list in the order of each rule is. ``unasked`` are keys of the
    metrics that nobody was asked for, such as a complaint: they are recorded, not answered.
    """

    settings: Settings
    asked: tuple[str, ...]
    unasked: frozenset[str]
    outcome_label: str
    window_days: int | None
    base: Base
    verdict: Verdict
    contenders: tuple[Contender, ...]
    race: Race | None
    ranks: RankSets | None
    pairs: tuple[AucComparison, ...]
    rules: dict[str, Triple]
    together: Triple | None
    together_verdict: Verdict | None
    weighted: Race | None
    later: Race | None
    silence: Silence | None
    calibration: Calibration | None
    brier: BrierScore | None
    lists: dict[str, Ranking]
    decision: DecisionCurve | None
    lead: Lead | None
    money: Money | None
    timing: Timing | None
    waited: Waited | None
    steadiness: tuple[Steadiness, ...]
    units: Units | None
    given_away: GivenAway | None
    known_labels: dict[str, str]
    n_for_margin: int | None
    n_for_gap: int | None
    repeated: bool
    pooled: bool
    nameless: bool
    wanted: bool
    inferred: bool
    left_out_metrics: dict[str, str]
    missing: dict[str, str]

    @property
    def of_answers(self) -> bool:
        """Whether what races are answers, of which one customer may have given several."""
        return self.repeated or self.nameless

    @property
    def nothing_asked(self) -> bool:
        """Whether no metric was asked for, so that there are no answers and nobody who did not answer."""
        return self.unasked >= set(self.settings.metrics)

    @property
    def known_hardly_tells(self) -> bool:
        """Whether it is not sure that what is known tells customers apart, which makes intervals of gains too wide."""
        return bool(self.rules) and self.rules["known"][1] <= 0.5

    @property
    def best(self) -> Contender | None:
        """The metric that adds most."""
        return max(self.contenders, key=lambda c: c.gain) if self.contenders else None
