"""How much of a gap between groups is the way they use the scale? A range over stated assumptions, never one number.

Groups differ in location and in spread on a common latent line (``ordinal.py``). Spread differs because customers do or
because people use the scale differently, and with one question nothing in the data tells which. So the share λ of
the difference in spread that is style, and the neutral point that style stretches answers around, are **assumptions**:
everything here is computed at every declared value of both and shown as a range, widened by sampling error.

A leniency that moves a whole group up counts as substance here: no model of one question can see it
(:func:`leniency_effect` says what it would be worth in points).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cxstats.cells import cluster_variance
from cxstats.methods.equating import BehaviourEquating, equate_on_behaviour
from cxstats.methods.latent_metric import default_neutral, net_score, neutral_point, shapley, standardise
from cxstats.methods.ordinal import LocationScale, location_scale
from cxstats.methods.ordinal_design import LEAST_CATEGORIES, NOT_KNOWN, too_few_categories
from cxstats.methods.ordinal_likelihood import widened
from cxstats.methods.regions import Region, critical_value, region
from cxstats.methods.replicates import Replicates, multinomial
from cxstats.metrics import Metric
from cxstats.parameters import Level, Seed, checked
from cxstats.show import definition_html
from cxstats.words import join_words, plural

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "BehaviourEquating",
    "GapSplit",
    "ScaleUse",
    "StyleRange",
    "default_neutral",
    "equate_on_behaviour",
    "leniency_effect",
    "naive_correction",
    "net_score",
    "neutral_point",
    "scale_use",
    "split_gap",
    "split_gaps",
    "standardise",
    "style_range",
]

Adjust = Literal["max_t", "bonferroni", "none"]
_ADJUSTMENTS = ("max_t", "bonferroni", "none")
_DRAWS = 20_000
_LEAST_KEPT = 0.95  # share of bootstrap replicates in which every group must have its maximum


# ------------------------------------------------------------------------------------- what was measured


@dataclass(frozen=True, slots=True, eq=False)
class ScaleUse:
    """Groups on a common latent line, with all that an assumption about style needs.

    Attributes
    ----------
    metric : what an answer is worth.
    group : column of the groups.
    labels : the G groups, the reference first.
    n : answers per group, shape (G,).
    raw : the metric as counted (weighted where the cells are), shape (G,).
    implied : the metric of the fitted normal (or logistic) curve with common thresholds, shape (G,).
    thresholds : on the latent line, one per pair of neighbouring categories of the scale; equal or infinite around
        categories nobody chose.
    location, log_scale : μ and ζ per group, shape (G,), 0 for the reference.
    covariance : joint covariance of the fitted parameters and the raw values, shape (P + G, P + G).
    method : where it comes from: "delta method", "jackknife" or "bootstrap".
    failed : bootstrap replicates left out because a group was too small in them.
    set_aside : groups that could not be fitted, and why.
    fit : the model.
    """

    metric: Metric
    group: str
    labels: tuple[str, ...]
    n: np.ndarray
    raw: np.ndarray
    implied: np.ndarray
    thresholds: np.ndarray
    location: np.ndarray
    log_scale: np.ndarray
    covariance: np.ndarray
    method: str
    failed: int
    set_aside: dict[str, str]
    fit: LocationScale = field(repr=False)
    draws: np.ndarray | None = field(repr=False)
    replicates: Replicates | None = field(repr=False)

    @property
    def reference(self) -> str:
        """The group whose scale use is the yardstick."""
        return self.labels[0]

    @property
    def residual(self) -> np.ndarray:
        """Raw minus implied, in the metric's unit, shape (G,): what the curve does not describe.

        It stays with the group in everything computed here, so that raw values and raw gaps are exact and the
        correction is 0 where scale use is the same.
        """
        return self.raw - self.implied

    def place(self, label: str) -> int:
        """Position of a group.

        Raises
        ------
        ValueError : there is no such group, or it was set aside.
        """
        if label in self.set_aside:
            raise ValueError(f"{label} was set aside: {self.set_aside[label]}")
        if label not in self.labels:
            raise ValueError(
                f"there is no group {label!r} in {self.group}; there are {join_words(self.labels)}"
            )
        return self.labels.index(label)

    def table(self, *, level: float = 0.95) -> pd.DataFrame:
        """One row per group: n, raw, implied, residual, location, spread (times the reference's), each with its error.

        ``spread_low`` and ``spread_high``: interval of the ratio of spreads, one by one.
        """
        z = critical_value(0, 1, checked("level", level, Level))
        size = len(self.labels)
        values, matrix = self.evaluate(
            lambda x: np.concatenate(
                [
                    (s := self.parts(x)).raw,
                    s.raw - self.implied_by(s.thresholds, s.location, s.log_scale),
                    s.location,
                    s.log_scale,
                ],
                axis=-1,
            )
        )
        error = np.sqrt(np.maximum(np.diag(matrix), 0)).reshape(4, size)
        value = values.reshape(4, size)
        frame = pd.DataFrame({"n": self.n}, index=pd.Index(self.labels, name=self.group))
        for row, name in enumerate(("raw", "residual", "location", "log_scale")):
            frame[name], frame[f"{name}_error"] = value[row], error[row]
        frame.insert(3, "implied", self.implied)
        frame["spread"] = np.exp(value[3])
        frame["spread_low"], frame["spread_high"] = (
            np.exp(value[3] + sign * z * error[3]) for sign in (-1, 1)
        )
        return frame

    def evaluate(self, function: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """A function of the parameters and raw values, and the covariance of its q results.

        Parameters
        ----------
        function : takes shape (…, P + G), fitted parameters and raw values, and returns shape (…, q); see
            :meth:`parts`. Evaluated in every replicate, or linearised by central differences (delta method).
        """
        here = np.concatenate([self.fit.parameters, self.raw])
        value = np.asarray(function(here[None, :]))[0]
        if self.draws is not None:
            return value, _replicate_covariance(self.replicates, np.asarray(function(self.draws)))
        step = 1e-5 * np.maximum(1.0, np.abs(here))
        up = np.asarray(function(here + np.diag(step)))
        down = np.asarray(function(here - np.diag(step)))
        slope = (up - down) / (2 * step[:, None])
        return value, slope.T @ self.covariance @ slope

    def parts(self, x: np.ndarray) -> _Parts:
        """Thresholds of the whole scale, locations, log-scales and raw values out of shape (…, P + G)."""
        m = len(self.fit.thresholds)
        others = len(self.labels) - 1
        zero = np.zeros((*x.shape[:-1], 1))
        return _Parts(
            thresholds=_on_scale(x[..., :m], self.fit, self.metric),
            location=np.concatenate([zero, x[..., m : m + others]], axis=-1),
            log_scale=np.concatenate([zero, x[..., m + others : m + 2 * others]], axis=-1),
            raw=x[..., m + 2 * others :],
        )

    def implied_by(self, thresholds: np.ndarray, location: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
        """The metric under other locations and spreads: :func:`net_score` with this metric and link."""
        return net_score(thresholds, location, log_scale, self.metric, link=self.fit.link)

    def _repr_html_(self) -> str:
        rows = [
            (label, f"{raw:.1f} {self.metric.unit}, spread {np.exp(z):.2f} (n {n:,})")
            for label, raw, z, n in zip(self.labels, self.raw, self.log_scale, self.n, strict=True)
        ]
        aside = [(f"{label}: set aside", why) for label, why in self.set_aside.items()]
        return definition_html(f"Scale use by {self.group}, beside {self.reference}", [*rows, *aside])


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    thresholds: np.ndarray
    location: np.ndarray
    log_scale: np.ndarray
    raw: np.ndarray


def scale_use(
    cells: pd.DataFrame,
    metric: Metric,
    *,
    group: str,
    reference: str,
    score: str | None = None,
    link: Literal["probit", "logit"] = "probit",
    matrix: np.ndarray | csr_array | None = None,
    customers: int | None = None,
    replicates: Replicates | int | None = None,
    replicate_masses: np.ndarray | None = None,
    seed: int = 0,
    smallest: int = 10,
) -> ScaleUse:
    """Fit location and spread of every group on the common latent line, with their joint uncertainty.

    Parameters
    ----------
    cells : rows with ``score``, ``group``, ``n`` and, for weighted answers, ``w`` and ``w2``. A missing group is the
        group "not known".
    metric : what an answer is worth; its scale has three categories or more.
    group, reference : column of the groups, and the one whose scale use is the yardstick.
    score : column of the answers; the metric's key by default.
    link : shape of the latent distribution.
    matrix, customers : for repeated customers, as in :func:`cxstats.methods.ordinal.location_scale`.
    replicates : uncertainty from replicates of the rows of ``cells`` (``replicates.part_jackknife`` for repeated
        customers), or a number of bootstrap replicates to be drawn here with ``seed``. None: the delta
        method, which needs no replicates and agrees with them.
    replicate_masses : weights anew in every replicate: the sum of weights of each row, shape (R, rows), in place of the
        replicates' counts times the row's own mean weight.
    smallest : groups with fewer answers are set aside, as are groups with answers in fewer than three categories.

    Returns
    -------
    ScaleUse.

    Raises
    ------
    ValueError : no such column or reference; the reference set aside; fewer than two groups left; a scale of two
        categories; answers off the metric's scale; what the model refuses.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> calm = [1, 1, 2, 3, 5, 12, 20, 36, 60, 40, 20]
    >>> loud = [9, 3, 3, 4, 5, 12, 12, 22, 42, 33, 55]
    >>> cells = pd.DataFrame(
    ...     {"nps": [*range(11)] * 2, "country": ["calm"] * 11 + ["loud"] * 11, "n": calm + loud}
    ... )
    >>> result = scale_use(cells, NPS, group="country", reference="calm")
    >>> result.raw.tolist(), result.table()["spread"].round(2).to_dict()
    ([8.0, 20.0], {'calm': 1.0, 'loud': 1.62})
    """
    score = metric.key if score is None else score
    for name in (score, group, "n"):
        if name not in cells.columns:
            raise ValueError(f"there is no column {name!r}; the cells have {join_words(cells.columns)}")
    if metric.scale.size < LEAST_CATEGORIES:
        raise ValueError(
            f"{metric.short} has {metric.scale.size} categories: how far answers spread cannot be told from how high "
            "they are. Take a question with three categories or more"
        )
    _require_on_scale(cells, metric, score)
    aside = _set_aside(cells, score, group, smallest)
    if reference in aside:
        raise ValueError(f"the reference {reference} cannot be fitted: {aside[reference]}")
    labels = cells[group].astype("string").fillna(NOT_KNOWN)
    kept = ~labels.isin(list(aside)).to_numpy(dtype=bool)
    # the rows stay, so that replicates and matrix fit; those set aside count as not answered
    frame = cells.assign(
        **{
            score: cells[score].astype("Int64").where(pd.Series(kept, index=cells.index)),
            group: labels.to_numpy(dtype=object),
        }
    )
    left = set(labels[kept & cells[score].notna().to_numpy() & (cells["n"] > 0).to_numpy()])
    if len(left) < 2:
        why = "; ".join(f"{label}: {reason}" for label, reason in aside.items())
        raise ValueError(
            f"{group}: a comparison needs two groups that can be fitted, but there is "
            f"{join_words(sorted(left)) or 'none'}" + (f" ({why})" if why else "")
        )
    fit = location_scale(
        frame,
        score=score,
        location=group,
        scale=group,
        link=link,
        reference={group: reference},
        matrix=matrix,
        customers=customers,
    )
    return _measured(fit, metric, group, aside, cells, replicates, replicate_masses, customers, seed)


def _measured(
    fit: LocationScale,
    metric: Metric,
    group: str,
    aside: dict[str, str],
    cells: pd.DataFrame,
    replicates: Replicates | int | None,
    replicate_masses: np.ndarray | None,
    customers: int | None,
    seed: int,
) -> ScaleUse:
    problem = fit.problem
    labels = problem.columns[group].levels
    worth = np.array([metric.values[int(k) - metric.scale.low] for k in problem.categories])
    total = problem.table(group)
    raw = total @ worth / total.sum(axis=1)
    member = problem.columns[group].codes[:, None] == np.arange(len(labels))
    value = worth[problem.category[problem.cell_of_row]]

    if isinstance(replicates, int):
        if fit.matrix is not None or problem.weighted:
            raise ValueError(
                "a bootstrap drawn here takes answers to be independent and unweighted; for repeated customers or "
                "weights give replicates (part_jackknife)"
            )
        replicates = multinomial(cells, replicates, checked("seed", seed, Seed))
    draws, failed, method = None, 0, "delta method"
    if replicates is not None:
        masses = (
            problem.row_masses(replicates.counts)
            if replicate_masses is None
            else np.asarray(replicate_masses, dtype=float)[:, problem.used]
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            raws = (masses * value) @ member / (masses @ member)
        draws = np.hstack([fit.refit(masses=masses), raws])
        ok = ~np.isnan(draws).any(axis=1)
        failed, method = int((~ok).sum()), replicates.kind
        if failed:
            replicates = _without_failed(replicates, ok, group)
            draws = draws[ok]
        covariance = replicates.covariance(np.where(np.isfinite(draws), draws, 0.0))
        endless = ~np.isfinite(draws).all(axis=0)  # nobody at an end of the scale in some replicate
        covariance[endless], covariance[:, endless] = np.nan, np.nan
    else:
        influence = np.hstack(
            [fit.influence[problem.used], member * ((value[:, None] - raw) / total.sum(axis=1))]
        )
        if fit.matrix is not None:
            inside = np.ix_(problem.used, problem.used)
            covariance = cluster_variance(influence, fit.matrix[inside], customers=customers)
        else:
            covariance = influence.T @ (influence * problem.squares[:, None])
    groups = fit.groups(group)
    thresholds = _on_scale(fit.thresholds.to_numpy(), fit, metric)
    location, log_scale = groups["location"].to_numpy(), groups["log_scale"].to_numpy()
    return ScaleUse(
        metric=metric,
        group=group,
        labels=labels,
        n=problem.table(group, answers=True).sum(axis=1).astype(int),
        raw=raw,
        implied=net_score(thresholds, location, log_scale, metric, link=fit.link),
        thresholds=thresholds,
        location=location,
        log_scale=log_scale,
        covariance=covariance,
        method=method,
        failed=failed,
        set_aside=aside,
        fit=fit,
        draws=draws,
        replicates=replicates if draws is not None else None,
    )


def _require_on_scale(cells: pd.DataFrame, metric: Metric, score: str) -> None:
    answered = pd.to_numeric(cells[score], errors="coerce")
    wrong = cells[score].notna() & ~answered.isin(metric.scale.categories)
    if wrong.any():
        raise ValueError(
            f"{metric.short} answers must be whole numbers from {metric.scale.low} to {metric.scale.high}, but "
            f"{plural(int(wrong.sum()), 'cell')} hold others (first: {cells.loc[wrong, score].iloc[0]!r})"
        )


def _set_aside(cells: pd.DataFrame, score: str, group: str, smallest: int) -> dict[str, str]:
    answered = cells[cells[score].notna() & (cells["n"] > 0)]
    labels = answered[group].astype("string").fillna(NOT_KNOWN)
    sizes = answered["n"].groupby(labels.to_numpy(dtype=object)).sum()
    aside = {}
    for label, chosen in too_few_categories(cells, score=score, group=group).items():
        aside[label] = (
            f"answers in {plural(len(chosen), 'category', 'categories')} only ({join_words(chosen)}); spread needs "
            f"{LEAST_CATEGORIES}"
        )
    for label, size in sizes.items():
        if size < smallest:
            aside[str(label)] = f"{plural(int(size), 'answer')}, fewer than {smallest}"
    return aside


def _on_scale(thresholds: np.ndarray, fit: LocationScale, metric: Metric) -> np.ndarray:
    """Thresholds of all categories of the scale, also of those nobody chose, shape (…, scale.size − 1)."""
    kept = np.array([int(k) - metric.scale.low for k in fit.problem.categories])
    return widened(thresholds, kept, metric.scale.size)


def _without_failed(replicates: Replicates, ok: np.ndarray, group: str) -> Replicates:
    share = ok.mean()
    if replicates.kind == "jackknife" or share < _LEAST_KEPT:
        raise ValueError(
            f"in {int((~ok).sum())} of {len(ok)} replicates a group of {group} has answers in too few categories, or none: "
            "merge small groups, raise `smallest`, or leave replicates out (the delta method needs none)"
        )
    kept = int(ok.sum())
    return Replicates(
        replicates.counts[ok],
        1 / (kept - 1),
        replicates.expansion,
        replicates.degrees_of_freedom,
        replicates.kind,
    )


def _replicate_covariance(replicates: Replicates, values: np.ndarray) -> np.ndarray:
    """Of q results in every replicate; those that have none in a few bootstrap replicates are left out there."""
    ok = np.isfinite(values).all(axis=1)
    if not ok.all():
        replicates = _without_failed(replicates, ok, "the range")
    return replicates.covariance(values[ok])


# ------------------------------------------------------------------------------------------ the range


@dataclass(frozen=True, slots=True, eq=False)
class StyleRange:
    """What the metric would be if every group used the scale as the reference does: over all declared assumptions.

    Attributes
    ----------
    measured : the groups on the latent line.
    assumptions : one row per declared assumption: ``style_share`` (λ), ``neutral`` (missing at λ = 0, where it does
        not matter and the value is the raw one).
    adjusted : the metric under each, shape (J, G); groups in the order of ``measured.labels``.
    joint : covariance of all of them, shape (J, G, J, G).
    raw_covariance : of the raw values, shape (G, G).
    joint_change : covariance of adjusted minus raw, shape (J, G, J, G).
    groups : one row per group: ``n``, ``raw``, ``raw_low``, ``raw_high``, ``adjusted_low`` and
        ``adjusted_high`` (over the assumptions alone), ``region_low`` and ``region_high`` (sampling error as well),
        ``raw_rank`` (1 is highest), ``rank_low`` and ``rank_high`` (over the assumptions alone). Intervals and regions hold
        one by one.
    against : one row per other group, beside the reference: see :meth:`differences`.
    level, adjust : of the intervals and regions of ``against``.
    """

    measured: ScaleUse
    assumptions: pd.DataFrame
    adjusted: np.ndarray
    joint: np.ndarray = field(repr=False)
    raw_covariance: np.ndarray = field(repr=False)
    joint_change: np.ndarray = field(repr=False)
    groups: pd.DataFrame
    against: pd.DataFrame
    level: float
    adjust: str
    seed: int = field(repr=False)

    @property
    def standard_errors(self) -> np.ndarray:
        """Of ``adjusted``, shape (J, G)."""
        return np.sqrt(np.maximum(np.einsum("jgjg->jg", self.joint), 0))

    def grid(self) -> pd.DataFrame:
        """One row per group and assumption: style_share, neutral, adjusted, standard_error."""
        labels = self.measured.labels
        errors = self.standard_errors
        frame = self.assumptions.loc[self.assumptions.index.repeat(len(labels))].reset_index(drop=True)
        frame.insert(0, self.measured.group, list(labels) * len(self.adjusted))
        return frame.assign(adjusted=self.adjusted.ravel(), standard_error=errors.ravel())

    def pairs(self, *, common_share: bool = True) -> pd.DataFrame:
        """Every pair of groups, as :meth:`differences`."""
        return self.differences(list(combinations(self.measured.labels, 2)), common_share=common_share)

    def differences(
        self, pairs: Sequence[tuple[str, str]], *, common_share: bool = True, adjust: Adjust | None = None
    ) -> pd.DataFrame:
        """Gaps, second minus first, raw and with equal scale use, with regions that hold together for all ``pairs``.

        Parameters
        ----------
        pairs : labels (first, second).
        common_share : λ is the same for all groups; False: every group has its own in the declared set, which
            widens the range of pairs that both differ from the reference in spread.
        adjust : "max_t", "bonferroni" or "none" (then Imbens–Manski regions, one by one); as given to
            :func:`style_range` by default.

        Returns
        -------
        Columns ``first``, ``second``, ``raw``, ``raw_low``, ``raw_high``; ``adjusted_low``, ``adjusted_high`` over the
        assumptions alone; ``region_low``, ``region_high`` with sampling error; and for the change that equal scale
        use makes (adjusted minus raw) ``change_low``, ``change_high``, ``change_region_low``, ``change_region_high``.
        """
        adjust = self.adjust if adjust is None else _checked_adjust(adjust)
        place = np.array([[self.measured.place(a), self.measured.place(b)] for a, b in pairs]).reshape(-1, 2)
        if np.any(place[:, 0] == place[:, 1]):
            raise ValueError("a pair holds two different groups")
        raw = self.measured.raw[place[:, 1]] - self.measured.raw[place[:, 0]]
        arguments = (place, self.level, adjust, self.seed)
        raw_critical = _critical(self.raw_covariance[None], *arguments)
        raw_error = _gap_error(self.raw_covariance, place)
        frame = pd.DataFrame(pairs, columns=["first", "second"]).assign(
            raw=raw, raw_low=raw - raw_critical * raw_error, raw_high=raw + raw_critical * raw_error
        )
        which = self._combinations(common_share)
        for name, values, joint in (
            ("adjusted", self.adjusted, self.joint),
            ("change", self.adjusted - self.measured.raw, self.joint_change),
        ):
            gaps, errors = _gaps(values, joint, place, which)
            critical = None if adjust == "none" else _critical(np.einsum("jgjh->jgh", joint), *arguments)
            low, high, region_low, region_high = _ends(gaps, errors, self.level, critical)
            prefix = "region" if name == "adjusted" else "change_region"
            frame[f"{name}_low"], frame[f"{name}_high"] = low, high
            frame[f"{prefix}_low"], frame[f"{prefix}_high"] = region_low, region_high
        return frame

    def rank_sets(self, *, draws: int = 10_000) -> pd.DataFrame:
        """Which place could each group really have: as measured, and under some declared assumption. Rank 1 is highest.

        Returns
        -------
        One row per group: ``raw_lower``, ``raw_upper``, the rank set of the raw values; ``lower``, ``upper``, from the
        best to the worst place in the rank sets of all assumptions. All sets of an assumption hold together at ``level``
        (:func:`cxstats.methods.ranks.rank_sets`).
        """
        from cxstats.methods.ranks import rank_sets

        ends = []
        for values, j in [
            (self.measured.raw, None),
            *zip(self.adjusted, range(len(self.adjusted)), strict=True),
        ]:
            covariance = self.raw_covariance if j is None else self.joint[j, :, j, :]
            sets = rank_sets(values, covariance=covariance, level=self.level, draws=draws, seed=self.seed)
            ends.append((sets.lower, sets.upper))
        (raw_lower, raw_upper), rest = ends[0], ends[1:]
        return pd.DataFrame(
            {
                "raw_lower": raw_lower,
                "raw_upper": raw_upper,
                "lower": np.min([lower for lower, _ in rest], axis=0),
                "upper": np.max([upper for _, upper in rest], axis=0),
            },
            index=pd.Index(self.measured.labels, name=self.measured.group),
        )

    def region(self, first: str, second: str) -> Region:
        """Uncertainty region of one gap with equal scale use (second minus first), by itself.

        For ``findings.judge``: ``region.judge(margin)``.
        """
        row = self.differences([(first, second)], adjust="none").iloc[0]
        return Region(row.region_low, row.region_high, row.adjusted_low, row.adjusted_high, self.level)

    def _combinations(self, common_share: bool) -> np.ndarray:
        """Which assumptions the first and the second group of a pair may have together, shape (·, 2)."""
        every = range(len(self.assumptions))
        if common_share:
            return np.array([(j, j) for j in every])
        neutral = self.assumptions["neutral"]
        return np.array(
            [(i, j) for i in every for j in every if neutral[i] == neutral[j] or neutral[[i, j]].isna().any()]
        )

    def _repr_html_(self) -> str:
        unit = self.measured.metric.unit
        rows = [
            (
                row.Index,
                f"{row.raw:.1f} {unit} as measured, {row.adjusted_low:.1f} to {row.adjusted_high:.1f} with "
                f"{self.measured.reference}'s scale use ({row.region_low:.1f} to {row.region_high:.1f} with sampling error)",
            )
            for row in self.groups.itertuples()
        ]
        return definition_html(
            f"{self.measured.metric.short} over {len(self.adjusted)} assumptions about style", rows
        )


def style_range(
    cells: pd.DataFrame | ScaleUse,
    metric: Metric | None = None,
    *,
    group: str | None = None,
    reference: str | None = None,
    neutral: Sequence[float] | None = None,
    style_share: Sequence[float] = (0.0, 0.5, 1.0),
    level: float = 0.95,
    adjust: Adjust = "max_t",
    seed: int = 0,
    **options: Any,
) -> StyleRange:
    """The metric if every group used the scale as the reference does, over style shares and neutral points.

    Parameters
    ----------
    cells, metric, group, reference : as in :func:`scale_use`; or its result in place of ``cells``, and no others.
    neutral : neutral points as categories (5; 5.5 is the boundary of 5 and 6); by default the middle of the scale and
        points a tenth and a fifth of the scale above.
    style_share : values of λ, from 0 (spread differs because customers do: nothing is corrected) to 1 (customers are
        equally varied everywhere, all of the difference is style).
    level : of intervals and regions. A verdict is wrong if the truth lies beyond one end of a region: at 0.95 in up to
        5 % of surveys, in 2.5 % at 0.975.
    adjust : for the gaps together: "max_t" (the largest |t| of the family, at the assumption where it is largest),
        "bonferroni" or "none".
    seed : of bootstrap replicates and of the draws for the largest |t|.
    options : ``score``, ``link``, ``matrix``, ``customers``, ``replicates``, ``replicate_masses`` and ``smallest`` of
        :func:`scale_use`.

    Returns
    -------
    StyleRange.

    Raises
    ------
    ValueError : as :func:`scale_use`; shares outside 0 to 1, neutral points off the scale, none of either.

    Notes
    -----
    Adjusted value = raw + N(η, σ·e^−δ) − N(μ, σ), with δ = λ·log(σ/σ_ref), η = c + (μ − c)e^−δ and N the
    metric under the latent curve (:func:`standardise`, :func:`net_score`). What the curve does not describe of a group
    (``ScaleUse.residual``) is left where it is, so λ = 0 gives the raw value exactly.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> calm = [1, 1, 2, 3, 5, 12, 20, 36, 60, 40, 20]
    >>> loud = [9, 3, 3, 4, 5, 12, 12, 22, 42, 33, 55]
    >>> cells = pd.DataFrame(
    ...     {"nps": [*range(11)] * 2, "country": ["calm"] * 11 + ["loud"] * 11, "n": calm + loud}
    ... )
    >>> found = style_range(cells, NPS, group="country", reference="calm")
    >>> found.against[["raw", "adjusted_low", "adjusted_high"]].round(0).to_numpy().tolist()
    [[12.0, -21.0, 12.0]]
    """
    level = checked("level", level, Level)
    adjust = _checked_adjust(adjust)
    if isinstance(cells, ScaleUse):
        if metric is not None or group is not None or reference is not None or options:
            raise ValueError(
                "what scale_use was given is not given again; leave metric, group, reference and options out"
            )
        measured = cells
    else:
        if metric is None or group is None or reference is None:
            raise ValueError(
                "style_range needs cells, a metric, a group and a reference, or the result of scale_use"
            )
        measured = scale_use(cells, metric, group=group, reference=reference, seed=seed, **options)
    assumptions = _assumptions(measured, neutral, style_share)
    size = len(measured.labels)

    def every(x: np.ndarray) -> np.ndarray:
        s = measured.parts(x)
        # changes, not values: where nothing changes the error is 0 and not rounding
        return np.concatenate([s.raw, *(_change(measured, s, *row) for row in _rows(assumptions))], axis=-1)

    values, matrix = measured.evaluate(every)
    raw_covariance = matrix[:size, :size]
    count = len(assumptions)
    joint_change = matrix[size:, size:].reshape(count, size, count, size)
    with_raw = matrix[size:, :size].reshape(count, size, 1, size)
    plain = StyleRange(
        measured=measured,
        assumptions=assumptions,
        adjusted=values[:size] + values[size:].reshape(-1, size),
        joint=joint_change + with_raw + with_raw.transpose(2, 3, 0, 1) + raw_covariance[None, :, None, :],
        raw_covariance=raw_covariance,
        joint_change=joint_change,
        groups=pd.DataFrame(),
        against=pd.DataFrame(),
        level=level,
        adjust=adjust,
        seed=checked("seed", seed, Seed),
    )
    others = [(measured.reference, label) for label in measured.labels[1:]]
    return replace(plain, groups=_group_table(plain), against=plain.differences(others))


def _assumptions(
    measured: ScaleUse, neutral: Sequence[float] | None, style_share: Sequence[float]
) -> pd.DataFrame:
    """Every declared style share with every neutral point, checked; one row where they make no difference."""
    points = default_neutral(measured.metric) if neutral is None else tuple(neutral)
    shares = tuple(style_share)
    if not points or not shares:
        raise ValueError("at least one neutral point and one style share must be declared")
    for share in shares:
        standardise(0.0, 0.0, neutral=0.0, style_share=share)
    for point in points:
        neutral_point(measured.thresholds, measured.metric, point)
    rows = []
    for share in dict.fromkeys(float(share) for share in shares):
        rows += [(share, float(point)) for point in dict.fromkeys(points)] if share else [(0.0, np.nan)]
    return pd.DataFrame(rows, columns=["style_share", "neutral"])


def _rows(assumptions: pd.DataFrame) -> list[tuple[float, float]]:
    return list(assumptions[["style_share", "neutral"]].itertuples(index=False, name=None))


def _change(measured: ScaleUse, s: _Parts, share: float, neutral: float) -> np.ndarray:
    """What the reference's scale use would change in the metric, shape (…, G)."""
    if share == 0:
        return np.zeros_like(s.raw)
    centre = np.asarray(neutral_point(s.thresholds, measured.metric, neutral))[..., None]
    location, log_scale = standardise(s.location, s.log_scale, neutral=centre, style_share=share)
    return measured.implied_by(s.thresholds, location, log_scale) - measured.implied_by(
        s.thresholds, s.location, s.log_scale
    )


def _group_table(found: StyleRange) -> pd.DataFrame:
    measured = found.measured
    metric = measured.metric
    z = critical_value(0, 1, found.level)
    error = np.sqrt(np.maximum(np.diag(found.raw_covariance), 0))
    regions = [
        region(values, errors, level=found.level, bounds=(metric.low, metric.high))
        for values, errors in zip(found.adjusted.T, found.standard_errors.T, strict=True)
    ]
    ranks = 1 + (found.adjusted[:, None, :] > found.adjusted[:, :, None]).sum(axis=2)
    return pd.DataFrame(
        {
            "n": measured.n,
            "raw": measured.raw,
            "raw_low": np.maximum(measured.raw - z * error, metric.low),
            "raw_high": np.minimum(measured.raw + z * error, metric.high),
            "adjusted_low": np.clip([r.assumption_low for r in regions], metric.low, metric.high),
            "adjusted_high": np.clip([r.assumption_high for r in regions], metric.low, metric.high),
            "region_low": [r.low for r in regions],
            "region_high": [r.high for r in regions],
            "raw_rank": 1 + (measured.raw[None, :] > measured.raw[:, None]).sum(axis=1),
            "rank_low": ranks.min(axis=0),
            "rank_high": ranks.max(axis=0),
        },
        index=pd.Index(measured.labels, name=measured.group),
    )


def _checked_adjust(adjust: str) -> Adjust:
    if adjust not in _ADJUSTMENTS:
        raise ValueError(f"adjust must be one of {', '.join(map(repr, _ADJUSTMENTS))}, but is {adjust!r}")
    return adjust


def _gap_error(covariance: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Standard error of second minus first, shape (C,), from covariances (…, G, G)."""
    a, b = place.T
    variance = covariance[..., a, a] + covariance[..., b, b] - 2 * covariance[..., a, b]
    return np.sqrt(np.maximum(variance, 0))


def _gaps(
    values: np.ndarray, joint: np.ndarray, place: np.ndarray, which: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Second minus first under each combination of assumptions, and its error, shape (C, len(which)) each."""
    (a, b), (i, j) = place.T[:, :, None], which.T[:, None, :]
    variance = joint[i, a, i, a] + joint[j, b, j, b] - 2 * joint[i, a, j, b]
    return values[j, b] - values[i, a], np.sqrt(np.maximum(variance, 0))


def _ends(
    gaps: np.ndarray, errors: np.ndarray, level: float, critical: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Range over the assumptions and the region around it, shape (C,) each; Imbens–Manski without a critical value."""
    low, high = gaps.min(axis=1), gaps.max(axis=1)
    if critical is None:
        widest = errors.max(axis=1)
        each = np.array([critical_value(w, e, level) for w, e in zip(high - low, widest, strict=True)])[
            :, None
        ]
    else:
        each = critical
    return low, high, (gaps - each * errors).min(axis=1), (gaps + each * errors).max(axis=1)


def _critical(covariances: np.ndarray, place: np.ndarray, level: float, adjust: str, seed: int) -> float:
    """Critical value of the pairs together, the largest over the assumptions, from covariances (J, G, G)."""
    if adjust != "max_t" or len(place) == 1:
        return critical_value(0, 1, level if adjust == "none" else 1 - (1 - level) / max(len(place), 1))
    largest = 0.0
    rng = np.random.default_rng(seed)
    gap = np.empty(_DRAWS)
    for covariance in covariances:
        error = _gap_error(covariance, place)
        eigenvalues, vectors = np.linalg.eigh(covariance)
        kept = eigenvalues > 1e-12 * max(eigenvalues[-1], 0)
        if not kept.any() or error.max() < 1e-9:
            continue  # nothing varies: no correction is made
        drawn = (vectors[:, kept] * np.sqrt(eigenvalues[kept])) @ rng.standard_normal((kept.sum(), _DRAWS))
        size = np.zeros(_DRAWS)
        for (a, b), one in zip(place, error, strict=True):
            if one > 1e-6 * error.max():
                np.subtract(drawn[b], drawn[a], out=gap)
                np.abs(gap, out=gap)
                gap /= one
                np.maximum(size, gap, out=size)
        largest = max(largest, float(np.quantile(size, level)))
    return max(largest, critical_value(0, 1, level))


# ------------------------------------------------------------------------------------------- the split


@dataclass(frozen=True, slots=True, eq=False)
class GapSplit:
    """A gap, second minus first, as substance + style + residual: exactly, under every declared assumption.

    Attributes
    ----------
    first, second : the groups.
    raw : the gap as counted; ``raw_error`` its standard error.
    parts : one row per assumption: ``style_share``, ``neutral``, ``substance``, ``style``, ``residual``, and ``…_error``.
    style, substance : uncertainty regions over the assumptions, one by one; ``substance`` with the residual, which
        style does not explain.
    residual : the part of the gap that the latent curve does not describe.
    metric, level : the metric; the level of the regions.
    """

    first: str
    second: str
    raw: float
    raw_error: float
    parts: pd.DataFrame
    style: Region
    substance: Region
    residual: float
    metric: Metric = field(repr=False)
    level: float

    def _repr_html_(self) -> str:
        def told(part: Region) -> str:
            return (
                f"{part.assumption_low:+.1f} to {part.assumption_high:+.1f} ({part.low:+.1f} to {part.high:+.1f} with "
                "sampling error)"
            )

        return definition_html(
            f"{self.second} − {self.first}: {self.raw:+.1f} {self.metric.unit}",
            [
                ("scale use", told(self.style)),
                ("substance", told(self.substance)),
                ("of it not described by the curve", f"{self.residual:+.1f}"),
            ],
        )


def split_gap(
    measured: ScaleUse,
    first: str,
    second: str,
    *,
    neutral: Sequence[float] | None = None,
    style_share: Sequence[float] = (0.0, 0.5, 1.0),
    level: float = 0.95,
) -> GapSplit:
    """How much of a gap is the way the groups use the scale: a Shapley split under every declared assumption.

    Parameters
    ----------
    measured : result of :func:`scale_use`.
    first, second : the groups; the gap is second minus first.
    neutral, style_share, level : as in :func:`style_range`.

    Raises
    ------
    ValueError : as :func:`style_range`; groups that are not there, or set aside.

    Notes
    -----
    A group is a substance (η, spread without style) and a style δ. N(substance of one, style of the other) is the
    metric of a group that does not exist; style's part is the mean of what exchanging styles does from either end:
    ½[N(S₂,δ₂) − N(S₂,δ₁) + N(S₁,δ₂) − N(S₁,δ₁)], substance the rest of the implied gap (Shapley 1953). Which group is
    the reference makes no difference to it, unlike to :func:`style_range`, where one group's scale use is the yardstick.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> calm = [1, 1, 2, 3, 5, 12, 20, 36, 60, 40, 20]
    >>> loud = [9, 3, 3, 4, 5, 12, 12, 22, 42, 33, 55]
    >>> cells = pd.DataFrame(
    ...     {"nps": [*range(11)] * 2, "country": ["calm"] * 11 + ["loud"] * 11, "n": calm + loud}
    ... )
    >>> split = split_gap(scale_use(cells, NPS, group="country", reference="calm"), "calm", "loud", style_share=[1])
    >>> parts = split.parts[["substance", "style", "residual"]]
    >>> split.raw, parts.sum(axis=1).round(10).tolist()
    (12.0, [12.0, 12.0, 12.0])
    """
    level = checked("level", level, Level)
    place = np.array([[measured.place(first), measured.place(second)]])
    if first == second:
        raise ValueError("a gap is between two different groups")
    assumptions = _assumptions(measured, neutral, style_share)

    def every(x: np.ndarray) -> np.ndarray:
        s = measured.parts(x)
        raw = s.raw[..., place[:, 1]] - s.raw[..., place[:, 0]]
        parts = [_split(measured, s, place, *row)[..., 0, :] for row in _rows(assumptions)]
        # substance with the residual, whose error is not the sum of the two
        return np.concatenate(
            [raw, *(np.concatenate([p, p[..., :1] + p[..., 2:]], -1) for p in parts)], axis=-1
        )

    values, matrix = measured.evaluate(every)
    errors = np.sqrt(np.maximum(np.diag(matrix), 0))
    value, error = values[1:].reshape(-1, 4), errors[1:].reshape(-1, 4)
    parts = assumptions.copy()
    for column, name in enumerate(("substance", "style", "residual")):
        parts[name], parts[f"{name}_error"] = value[:, column], error[:, column]
    return GapSplit(
        first=first,
        second=second,
        raw=float(values[0]),
        raw_error=float(errors[0]),
        parts=parts,
        style=region(value[:, 1], error[:, 1], level=level),
        substance=region(value[:, 3], error[:, 3], level=level),
        residual=float(value[0, 2]),
        metric=measured.metric,
        level=level,
    )


def split_gaps(
    measured: ScaleUse,
    pairs: Sequence[tuple[str, str]] | Literal["all"] | None = None,
    *,
    neutral: Sequence[float] | None = None,
    style_share: Sequence[float] = (0.0, 0.5, 1.0),
    level: float = 0.95,
    adjust: Adjust = "max_t",
    seed: int = 0,
) -> pd.DataFrame:
    """:func:`split_gap` for many pairs at once, with regions that hold together.

    Parameters
    ----------
    pairs : labels (first, second); None: every group beside the reference; "all": every pair.
    adjust : as in :func:`style_range`; "none" gives each pair's own Imbens–Manski region.

    Returns
    -------
    One row per pair: ``first``, ``second``, ``raw``, ``residual``; ``style_low``, ``style_high`` over the assumptions alone,
    ``style_region_low``, ``style_region_high`` with sampling error; the same of ``substance`` (residual included).
    """
    level, adjust, seed = checked("level", level, Level), _checked_adjust(adjust), checked("seed", seed, Seed)
    if pairs is None:
        pairs = [(measured.reference, label) for label in measured.labels[1:]]
    elif isinstance(pairs, str):
        if pairs != "all":
            raise ValueError(f'pairs is a list of pairs, None or "all", not {pairs!r}')
        pairs = list(combinations(measured.labels, 2))
    place = np.array([[measured.place(a), measured.place(b)] for a, b in pairs])
    if np.any(place[:, 0] == place[:, 1]):
        raise ValueError("a gap is between two different groups")
    count = len(place)
    single = np.column_stack([np.full(count, count), np.arange(count)])  # each beside a 0 that does not vary
    gaps = {"style": [], "substance": []}
    errors = {"style": [], "substance": []}
    critical = {"style": 0.0, "substance": 0.0}
    residual = np.zeros(count)
    for row in _rows(_assumptions(measured, neutral, style_share)):

        def both(x: np.ndarray, row: tuple[float, float] = row) -> np.ndarray:
            split = _split(measured, measured.parts(x), place, *row)
            return np.concatenate([split[..., 1], split[..., 0] + split[..., 2], split[..., 2]], axis=-1)

        values, matrix = measured.evaluate(both)
        residual = values[2 * count :]
        for k, name in enumerate(("style", "substance")):
            part = slice(k * count, (k + 1) * count)
            gaps[name].append(values[part])
            errors[name].append(np.sqrt(np.maximum(np.diag(matrix)[part], 0)))
            if adjust != "none":
                padded = np.zeros((count + 1, count + 1))
                padded[:count, :count] = matrix[part, part]
                critical[name] = max(critical[name], _critical(padded[None], single, level, adjust, seed))
    frame = pd.DataFrame(list(pairs), columns=["first", "second"])
    frame["raw"] = measured.raw[place[:, 1]] - measured.raw[place[:, 0]]
    frame["residual"] = residual
    for name in ("style", "substance"):
        ends = _ends(
            np.array(gaps[name]).T,
            np.array(errors[name]).T,
            level,
            None if adjust == "none" else critical[name],
        )
        for column, end in zip(("low", "high", "region_low", "region_high"), ends, strict=True):
            frame[f"{name}_{column}"] = end
    return frame


def _split(measured: ScaleUse, s: _Parts, place: np.ndarray, share: float, neutral: float) -> np.ndarray:
    """Substance, style and residual of second minus first, shape (…, C, 3)."""
    a, b = place.T
    implied = measured.implied_by(s.thresholds, s.location, s.log_scale)
    residual = (s.raw - implied)[..., b] - (s.raw - implied)[..., a]
    if share == 0:
        gap = implied[..., b] - implied[..., a]
        return np.stack([gap, np.zeros_like(gap), residual], axis=-1)
    centre = np.asarray(neutral_point(s.thresholds, measured.metric, neutral))[..., None]
    style = share * s.log_scale
    true_location, true_scale = standardise(s.location, s.log_scale, neutral=centre, style_share=share)

    def exchanged(own: np.ndarray, other: np.ndarray) -> np.ndarray:
        """The substance of one group with the style of another."""
        delta = style[..., other]
        location = centre + (true_location[..., own] - centre) * np.exp(delta)
        return measured.implied_by(s.thresholds, location, true_scale[..., own] + delta)

    substance, style_part = shapley(implied[..., b], exchanged(b, a), exchanged(a, b), implied[..., a])
    return np.stack([substance, style_part, residual], axis=-1)


# ------------------------------------------------------------------------- what the range does not hold


def leniency_effect(measured: ScaleUse, *, shift: float = 0.2) -> pd.DataFrame:
    """What a leniency that moves a whole group would be worth: the assumption no model of one question can test.

    Parameters
    ----------
    measured : result of :func:`scale_use`.
    shift : how far up everybody of a group answers, in the latent unit (standard deviations of the reference group's
        answers, for the probit link).

    Returns
    -------
    One row per group: ``points``, the change of the metric if everybody answered ``shift`` higher; ``points_down``, if
    lower; ``scale_points``, the change of the mean answer; ``shift_to_reference``, the shift that would by itself
    explain the whole raw gap to the reference (missing where none does).
    """
    from scipy.optimize import brentq

    from cxstats.metrics import mean_score

    if not np.isfinite(shift):
        raise ValueError(f"shift is a number in the latent unit, but is {shift}")
    base = measured.implied_by(measured.thresholds, measured.location, measured.log_scale)
    up, down = (
        measured.implied_by(measured.thresholds, measured.location + sign * shift, measured.log_scale) - base
        for sign in (1, -1)
    )
    answer = mean_score(measured.metric.scale)
    means = [
        net_score(
            measured.thresholds, measured.location + s, measured.log_scale, answer, link=measured.fit.link
        )
        for s in (0.0, shift)
    ]
    needed = []
    for mean, log_scale, gap, here in zip(
        measured.location, measured.log_scale, measured.raw - measured.raw[0], base, strict=True
    ):

        def left(move: float, mean=mean, log_scale=log_scale, gap=gap, here=here) -> float:
            return gap - (here - measured.implied_by(measured.thresholds, mean - move, log_scale))

        wide = 10 * np.exp(log_scale)
        found = np.sign(left(-wide)) != np.sign(left(wide))
        needed.append(float(brentq(left, -wide, wide)) if found else np.nan)
    return pd.DataFrame(
        {
            "points": up,
            "points_down": down,
            "scale_points": means[1] - means[0],
            "shift_to_reference": needed,
        },
        index=pd.Index(measured.labels, name=measured.group),
    )


def naive_correction(measured: ScaleUse, *, neutral: float | None = None) -> pd.DataFrame:
    """The correction not to make: give every group the reference's spread and leave its location where it is.

    Shown once, as a warning. Style stretches answers around the neutral point, so it moved the location as well. For a
    satisfied group that uses the scale widely, resetting the spread alone *raises* a metric that style had already
    raised.

    Parameters
    ----------
    measured : result of :func:`scale_use`.
    neutral : neutral point of the correction it is compared with (λ = 1); the middle of the scale by default.

    Returns
    -------
    One row per group: ``raw``; ``naive``; ``around_neutral``; the changes ``naive_change`` and ``neutral_change``;
    ``error``, naive minus around_neutral; ``wrong_way``, whether the two move in opposite directions (by 0.05 or more).
    """
    point = default_neutral(measured.metric)[0] if neutral is None else neutral
    centre = neutral_point(measured.thresholds, measured.metric, point)
    location, log_scale = standardise(measured.location, measured.log_scale, neutral=centre)
    naive = measured.implied_by(measured.thresholds, measured.location, 0.0) - measured.implied
    right = measured.implied_by(measured.thresholds, location, log_scale) - measured.implied
    unit = (measured.metric.high - measured.metric.low) / 200  # a point of NPS, or as much of another metric
    return pd.DataFrame(
        {
            "raw": measured.raw,
            "naive": measured.raw + naive,
            "around_neutral": measured.raw + right,
            "naive_change": naive,
            "neutral_change": right,
            "error": naive - right,
            "wrong_way": (naive * right < 0) & (np.minimum(np.abs(naive), np.abs(right)) >= 0.05 * unit),
        },
        index=pd.Index(measured.labels, name=measured.group),
    )
