"""What the report shows, computed: plain numbers, which sentences and figures only print.

Gaps are group minus reference, in the metric's unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cxstats.findings import Verdict
from cxstats.methods.intervals import Estimate
from cxstats.metrics import Metric

__all__ = [
    "Culture",
    "Design",
    "Fact",
    "Gap",
    "Index",
    "Items",
    "Missing",
    "Numbers",
    "Pair",
    "Settings",
    "Spread",
    "SpreadRow",
    "Styled",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """The study's parameters, checked."""

    metric: str
    group: str
    reference: str | None
    neutral: tuple[float, ...]
    style_share: tuple[float, float]
    margin: float
    level: float
    wave: str | None
    mix: tuple[str, ...] | None
    smallest_group: int
    replicates: int
    seed: int


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known about every customer or answer, and whether groups were made alike in it.

    Attributes
    ----------
    kind : "language", "channel", "mode" or "other": the first three can themselves change how a scale is used.
    used : whether all groups were weighted to the same mix of it.
    why : if not, why not.
    overlap : share of answers whose category has answers in the reference and in another group too, [0, 1].
    merged : categories that were put together because they are rare.
    not_in : groups that have too few answers in some category, and keep the mix they have.
    """

    name: str
    title: str
    kind: str
    used: bool
    why: str = ""
    overlap: float = 1.0
    merged: tuple[str, ...] = ()
    not_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap with its interval; ``box`` is its range over an assumption, where there is one."""

    value: float
    low: float
    high: float
    box: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Styled:
    """A gap over the stated assumptions about scale use.

    Attributes
    ----------
    low, high : lowest and highest estimate over the assumptions, sampling error left out.
    region_low, region_high : the same with sampling error: the region the verdict judges.
    all_style : estimate if the whole difference in spread is scale use, per neutral point, shape (C,).
    step_low, step_high : the same for what scale use takes away from the gap
        (gap before minus gap after, so that positive means the gap shrinks towards the group's disadvantage).
    """

    low: float
    high: float
    region_low: float
    region_high: float
    all_style: tuple[float, ...]
    step_low: float
    step_high: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A group against the reference.

    Attributes
    ----------
    label, n : the group and its answers.
    raw : gap as measured.
    mixed : gap with the same customer mix; None where nothing could be held equal.
    answered : gap with who answered allowed for too; None where the invitations are not known.
    styled : gap over the assumptions about scale use; None where the group's spread cannot be estimated.
    verdict, why : the verdict, and why there is no firm one where the group cannot be fitted.
    warning : gap after the naive correction (spread reset, mean kept); None with ``styled``.
    style_share : Shapley split at λ = 1: points of the gap that are scale use, per neutral point.
    anchored : gap by anchoring vignettes, familywise; where there is one the verdict judges it, not the range.
    needed : answers in this group, at its share of all, with which the verdict would be firm if the estimates stay;
        None where no number of answers would do.
    """

    label: str
    n: int
    raw: Gap
    mixed: Gap | None
    answered: Gap | None
    styled: Styled | None
    verdict: Verdict
    why: str = ""
    warning: float | None = None
    split: tuple[Gap, ...] = ()
    needed: int | None = None
    anchored: Gap | None = None

    @property
    def before_style(self) -> Gap:
        """The gap that scale use is then taken out of: the last step that the data allows."""
        return self.answered or self.mixed or self.raw

    @property
    def fitted(self) -> bool:
        """Whether the group's spread could be estimated."""
        return self.styled is not None


@dataclass(frozen=True, slots=True)
class SpreadRow:
    """A group's spread of answers against the reference's, as a ratio of standard deviations (1 = the same).

    ``items`` is the same ratio in statements on other topics, where there are any.
    """

    label: str
    n: int
    ratio: Gap
    items: Gap | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The location–scale model: spreads, and what it leaves unexplained.

    Attributes
    ----------
    scale_p_value, scale_df : test that all groups spread their answers alike (Wald, with the replicates' covariance).
    beyond : largest difference of any group's metric between the model and the counts, in the metric's unit: what
        stretching alone does not explain.
    beyond_label : in which group.
    beyond_p_value, beyond_share : test that thresholds differ beyond spread, and the share of a group's answers, at
        most, that would have to be other ones for the model to fit, beyond what chance does; None where not made.
    leniency : by how much a uniform shift of 0.2 latent standard deviations moves the metric of the reference.
    """

    rows: tuple[SpreadRow, ...]
    scale_p_value: float
    scale_df: int
    beyond: float
    beyond_label: str
    leniency: float
    beyond_p_value: float | None = None
    beyond_share: float | None = None
    beyond_share_label: str = ""
    beyond_method: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """One style index of one group: a share or a number with its interval."""

    label: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Items:
    """How groups use the scale, from statements on other topics, or from the metric's own answers as a stand-in.

    Attributes
    ----------
    n_items : statements the indices rest on; 1 for the stand-ins.
    balanced : whether as many statements are worded one way as the other.
    indices : (key, name, per group) for each index, as shares in percent.
    reliability : per index key, of the index as a measure of persons; None for stand-ins.
    warnings : what weakens them.
    stand_in : whether there are no items, so that the metric itself is used.
    """

    n_items: int
    balanced: bool
    indices: tuple[tuple[str, str, tuple[Index, ...]], ...]
    reliability: dict[str, float]
    warnings: tuple[str, ...] = ()
    stand_in: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Design:
    """What a better design says of one gap, beside the range.

    Attributes
    ----------
    key : "items_spread", "rirs", "vignettes", "irtree", "behaviour".
    name, how : for the reader.
    gaps : per group label, the gap with its interval (not familywise), in the metric's unit; () if it speaks in
        another unit, then ``text`` says it.
    caveat : what it assumes.
    short : how a headline begins ("If statements on other topics show scale use").
    """

    key: str
    name: str
    how: str
    gaps: tuple[tuple[str, Gap], ...]
    caveat: str
    text: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A design the data does not have: what to add, and how many."""

    name: str
    add: str


@dataclass(frozen=True, slots=True)
class Culture:
    """The claim that style goes with a trait of countries, tested as it is stated.

    ``points`` are (label, trait, index value, index standard error); ``smallest_clear`` is the correlation that so few
    countries need to be clearly different from 0.
    """

    fact: str
    index: str
    n: int
    pearson: float
    pearson_low: float
    pearson_high: float
    pearson_p: float
    rank: float
    rank_p: float
    loo_low: float
    loo_high: float
    loo_widest: str
    points: tuple[tuple[str, float, float, float], ...]
    smallest_clear: float = float("nan")
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything the report shows. Parts that the data cannot fill are None or empty, with a reason in ``missing``."""

    settings: Settings
    metric: Metric
    group_title: str
    n: int
    invited: int | None
    waves: tuple[str, ...]
    weighted: bool
    repeated: bool
    reference: str = ""
    groups: tuple[tuple[str, int, Estimate], ...] = ()
    hidden: int = 0
    pairs: tuple[Pair, ...] = ()
    headline: str = ""
    verdict: Verdict = Verdict.NOT_ANSWERABLE
    why: str = ""
    facts: tuple[Fact, ...] = ()
    neutral: tuple[float, ...] = ()
    style_shares: np.ndarray = field(default_factory=lambda: np.empty(0))
    grid: dict[str, np.ndarray] = field(default_factory=dict)
    grid_low: dict[str, np.ndarray] = field(default_factory=dict)
    grid_high: dict[str, np.ndarray] = field(default_factory=dict)
    ranks: tuple[tuple[str, int, int, int, int, int], ...] = ()
    spread: Spread | None = None
    items: Items | None = None
    designs: tuple[Design, ...] = ()
    to_add: tuple[Missing, ...] = ()
    culture: Culture | None = None
    missing: dict[str, str] = field(default_factory=dict)
    critical: float = float("nan")
    how_replicated: str = ""

    def pair(self, label: str) -> Pair:
        """The pair of this group."""
        return next(pair for pair in self.pairs if pair.label == label)

    @property
    def main(self) -> Pair | None:
        """The pair that the headline is about."""
        return self.pair(self.headline) if self.headline else None

    @property
    def n_compared(self) -> int:
        """Pairs whose verdicts hold together: all of them, as the critical value counts them."""
        return len(self.pairs)
