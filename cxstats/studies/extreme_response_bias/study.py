"""Can these groups be compared on this metric? The numbers behind the report.

The verdict, stated before any data
-----------------------------------
For each group against the reference the question is: *does the group differ from the reference by the margin or
more, whatever part of the difference in spread is scale use?* The effect is group minus reference with the
same customer mix, with who answered allowed for where the invitations are known, and with everybody using the scale
as the reference does.

With one item per person and no anchor that effect is not identified. It is stated over assumptions: a share λ of the
difference in (log) spread is scale use, λ anywhere in ``style_share``, [0, 1] by default; answers are stretched
around the scale's neutral point, which is any of ``neutral``. At each assumption the effect has an interval that
holds for all groups together (Šidák 1967, valid whatever their correlation and even if λ differs from group to group;
Student's t with the replicates' degrees of freedom). The region is the union of these intervals over the
assumptions, and over a λ 12 % above the highest, because people within a group differ too, which hides a part of the
difference between groups. So it contains the truth wherever in the class it lies. It is judged against ±margin; where the
estimates over the assumptions alone lie on both sides of an edge, no number of answers would settle it: then this
data cannot say.

Where the survey has anchoring vignettes on the same scale, they take the place of the range: they show leniency too,
which the range cannot. The effect is then CHOPIT's difference with the reference's thresholds, and its
interval, made to hold for all groups together, is judged.

A group whose spread cannot be estimated (answers in fewer than three categories) gets "this data cannot say", one with
fewer than ``FEWEST`` answers "too few answers to say".

The headline is the group whose measured gap to the reference is clearest (widest for its interval); that it was
chosen for that is allowed for, because all verdicts hold together.

Assumptions: a uniform shift of all answers (leniency) counts as substance; the question means the same everywhere.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxstats.cells import suppress
from cxstats.findings import Verdict, judge
from cxstats.methods.groups import GroupMeans, group_means
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.ordinal import location_scale
from cxstats.methods.ranks import rank_sets
from cxstats.methods.replicates import Replicates
from cxstats.methods.simultaneous import compare_groups
from cxstats.metrics import Metric, Scale
from cxstats.parameters import Count, Level, Margin, Seed, checked
from cxstats.studies.extreme_response_bias import mix, style
from cxstats.studies.extreme_response_bias.numbers import (
    Gap,
    Numbers,
    Pair,
    Settings,
    Spread,
    SpreadRow,
    Styled,
)
from cxstats.words import join_words

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["FEWEST", "SMALLEST_GROUP", "measure", "neutral_points", "settings", "verdicts_of_counts"]

SMALLEST_GROUP = 10
FEWEST = 30  # answers from which on a group's spread is estimated
LEAST_CATEGORIES = 3  # categories a group must use for its spread to be told from its level
STEPS = 11  # values of λ looked at, from the lowest to the highest
# People of one group differ in their scale use, by some 20 %: a normal latent answer then shows groups' differences
# smaller than they are, by up to a tenth. Regions allow for it by a share so much above the highest assumed.
HIDDEN = 1.12
LEAST_BEYOND = 10  # answers on either side of a neutral point, without which nothing shows where it lies
LEAST_SETTLED = 0.95  # share of bootstrap replicates in which the model must have a maximum
EXACT_BELOW = 30
MOST_NEEDED = 25  # times the answers there are, above which no number that would settle it is given
LENIENCY = 0.2  # latent standard deviations of a uniform shift whose size in points is always printed


def neutral_points(scale: Scale) -> tuple[float, ...]:
    """Neutral points assumed where none are given: the middle of the scale, and 10 % and 20 % of it higher.

    A whole number is the centre of that answer, a half the threshold between two.

    >>> neutral_points(Scale(0, 10)), neutral_points(Scale(1, 5)), neutral_points(Scale(1, 10))
    ((5.0, 6.0, 7.0), (3.0, 3.5), (5.5, 6.0, 7.0))
    """
    middle, width = (scale.low + scale.high) / 2, scale.high - scale.low
    return tuple(dict.fromkeys(math.floor(2 * (middle + part * width) + 1e-9) / 2 for part in (0, 0.1, 0.2)))


def settings(survey: Survey, **given: Any) -> Settings:
    """Parameters checked in the user's terms; the metric's own margin where none is given.

    Raises
    ------
    ValueError : a value of the wrong kind or out of range; a wave or group variable that the survey does not have.
    """
    metric = survey.metric(given["metric"])
    groups = tuple(name for name in survey.groups if name != survey.wave)
    if not groups:
        raise ValueError(
            "this survey has no groups to compare: declare one under groups: in survey.yml (country, language, …)"
        )
    group = (
        given["group"] if given["group"] is not None else ("country" if "country" in groups else groups[0])
    )
    if group not in groups:
        raise ValueError(f"group is {group!r}, but the survey's groups are {', '.join(groups)}")
    wave = given["wave"]
    if wave is not None and wave not in survey.wave_order:
        raise ValueError(
            f"there is no wave {wave!r}; the survey has {', '.join(survey.wave_order) or 'none'}"
        )
    margin = given["margin"] if given["margin"] is not None else metric.margin
    return Settings(
        metric=metric.key,
        group=group,
        reference=given["reference"],
        neutral=_neutral(given["neutral"], metric.scale),
        style_share=_style_share(given["style_share"]),
        margin=checked("margin", margin, Margin),
        level=checked("level", given["level"], Level),
        wave=wave,
        mix=None if given["mix"] is None else tuple(given["mix"]),
        smallest_group=checked("smallest_group", given["smallest_group"], Count),
        replicates=checked("replicates", given["replicates"], Count),
        seed=checked("seed", given["seed"], Seed),
    )


def _neutral(given: Any, scale: Scale) -> tuple[float, ...]:
    if given is None:
        return neutral_points(scale)
    points = tuple(float(x) for x in (given if isinstance(given, (list, tuple)) else [given]))
    wrong = [x for x in points if 2 * x != round(2 * x) or not scale.low < x < scale.high]
    if wrong or not points:
        raise ValueError(
            f"neutral is {given!r}, but must be points inside the scale {scale}: whole numbers (the centre of that "
            f"answer) or halves (between two answers), such as {list(neutral_points(scale))}"
        )
    return tuple(sorted(set(points)))


def _style_share(given: Any) -> tuple[float, float]:
    ends = tuple(given) if isinstance(given, (list, tuple)) else (given, given)
    if len(ends) != 2 or any(
        isinstance(x, bool) or not isinstance(x, int | float) or not 0 <= x <= 1 for x in ends
    ):
        raise ValueError(
            f"style_share is {given!r}, but must be the lowest and highest share of the difference in spread that "
            "could be scale use, such as (0, 1) for none to all of it"
        )
    return (float(min(ends)), float(max(ends)))


def measure(survey: Survey, chosen: Settings) -> Numbers:
    """Everything the report shows.

    Parameters
    ----------
    survey : an open survey.
    chosen : checked parameters (:func:`settings`).

    Raises
    ------
    ValueError : the reference is not a group, or has too few answers to be one.
    """
    from cxstats.studies.extreme_response_bias import culture, designs

    metric = survey.metric(chosen.metric)
    waves = (chosen.wave,) if chosen.wave else None
    cells, matrix = _answered(survey, metric, chosen.group, waves)
    sizes = (
        cells.dropna(subset=[chosen.group]).groupby(chosen.group, observed=True, as_index=False)["n"].sum()
    )
    hidden = suppress(sizes, by=[chosen.group], threshold=chosen.smallest_group).hidden if len(sizes) else []
    labels = [str(label) for label, gone in zip(sizes[chosen.group], hidden, strict=True) if not gone]
    shared: dict[str, Any] = {
        "settings": chosen,
        "metric": metric,
        "group_title": survey.group_labels[chosen.group],
        "n": int(cells["n"].sum()),
        "invited": _invited(survey, waves),
        "waves": waves or tuple(survey.wave_order),
        "weighted": survey.weighted,
        "repeated": survey.repeats,
        "hidden": int(np.sum(hidden)),
    }
    reference = _reference(chosen, metric, cells, labels, sizes)
    if len(labels) < 2:
        return Numbers(**shared, reference=reference, why=_too_few_groups(labels, shared["hidden"]))

    means = group_means(
        cells, metric, score=metric.key, group=chosen.group, labels=labels, matrix=matrix, level=chosen.level
    )
    answers = mix.answers_of(
        survey, metric, chosen.group, labels, reference,
        mix=chosen.mix, waves=waves, n_replicates=chosen.replicates, seed=chosen.seed,
    )  # fmt: skip
    gaps = Gaps(metric, chosen, answers, labels, reference, means)
    pairs = gaps.pairs()
    ranked = sorted(pairs, key=lambda p: (not p.fitted, -abs(p.raw.value) / (p.raw.high - p.raw.low)))
    headline = ranked[0]
    groups = tuple(
        (label, int(means.n[i]), _estimate(means, i, metric, chosen)) for i, label in enumerate(labels)
    )
    order = np.argsort([-group[2].value for group in groups], kind="stable")
    numbers = Numbers(
        **shared,
        reference=reference,
        groups=tuple(groups[i] for i in order),
        pairs=tuple(sorted(pairs, key=lambda p: -p.raw.value)),
        headline=headline.label,
        verdict=headline.verdict,
        why=headline.why,
        facts=answers.facts,
        neutral=gaps.neutral,
        style_shares=gaps.shares,
        grid=gaps.by_label(gaps.grid),
        grid_low=gaps.by_label(gaps.grid - gaps.critical * gaps.grid_error),
        grid_high=gaps.by_label(gaps.grid + gaps.critical * gaps.grid_error),
        ranks=gaps.ranks(),
        spread=_tested(gaps, cells, matrix, chosen),
        critical=gaps.critical,
        how_replicated=answers.how,
    )
    return culture.with_culture(survey, designs.with_evidence(survey, numbers, gaps))


def verdicts_of_counts(
    counts: np.ndarray,
    metric: Metric,
    *,
    margin: float | None = None,
    replicates: int = 400,
    seed: int = 0,
    **given: Any,
) -> list[tuple[Verdict, Styled | None]]:
    """The study's verdict on every group but the first, and its range, from counts alone.

    Nothing is held equal, and everybody answered once. For benchmarks of the verdict.

    Parameters
    ----------
    counts : answers per group and category, shape (G, scale.size), the reference first.
    metric, margin, replicates, seed : as in :func:`cxstats.extreme_response_bias`; ``neutral``, ``style_share`` and
        ``level`` too.

    >>> from cxstats.metrics import csat
    >>> [verdict.words for verdict, _ in verdicts_of_counts(np.array([[5, 9, 60, 300, 90]] * 2), csat(5), seed=1)]
    ['Too few answers to say']
    """
    labels = [f"{i:03d}" for i in range(len(counts))]
    place, category = np.nonzero(counts)
    cells = pd.DataFrame(
        {
            metric.key: pd.array(category + metric.scale.low, dtype="Int64"),
            "group": np.array(labels, dtype=object)[place],
            "n": counts[place, category].astype(int),
            "base": 1.0,
        }
    )
    chosen = Settings(
        metric=metric.key,
        group="group",
        reference=labels[0],
        neutral=_neutral(given.get("neutral"), metric.scale),
        style_share=_style_share(given.get("style_share", (0.0, 1.0))),
        margin=metric.margin if margin is None else margin,
        level=given.get("level", 0.95),
        wave=None,
        mix=None,
        smallest_group=SMALLEST_GROUP,
        replicates=replicates,
        seed=seed,
    )
    answers = mix.Answers(
        cells,
        tuple(labels),
        place,
        category,
        {},
        {},
        (),
        *mix.replicates_of(cells, replicates, seed),
        (),
        False,
    )
    means = group_means(cells, metric, score=metric.key, group="group", labels=labels, level=chosen.level)
    gaps = Gaps(metric, chosen, answers, labels, labels[0], means)
    return [(verdict, styled) for verdict, _, styled in map(gaps.judged, gaps.others)]


def _answered(survey: Survey, metric: Metric, group: str, waves: tuple[str, ...] | None):
    """Cells of the answers by score and group, and how customers repeat among them."""
    by = [metric.key, group] + ([survey.wave] if waves else [])
    cells = survey.cells(by=by)
    keep = cells[metric.key].notna().to_numpy()
    if waves:
        keep = keep & cells[survey.wave].astype("string").isin(waves).to_numpy(dtype=bool)
    matrix = survey.cluster_matrix(by=by, weighted=survey.weighted) if survey.repeats else None
    if matrix is not None:
        at = np.flatnonzero(keep)
        matrix = matrix[np.ix_(at, at)]
        matrix = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return cells[keep].reset_index(drop=True), matrix


def _tested(gaps: Gaps, cells: pd.DataFrame, matrix: np.ndarray | None, chosen: Settings) -> Spread | None:
    """The spreads, with a test and the size of what differs beyond them: thresholds of a group's own."""
    spread = gaps.spread()
    if spread is None:
        return None
    shown = [gaps.labels[i] for i in gaps.fitted]
    keep = cells[chosen.group].astype("string").isin(shown).to_numpy(dtype=bool)
    at = np.flatnonzero(keep)
    fit = location_scale(
        cells[keep].reset_index(drop=True),
        score=chosen.metric,
        location=chosen.group,
        scale=chosen.group,
        reference={chosen.group: gaps.reference},
        matrix=None if matrix is None else matrix[np.ix_(at, at)],
    )
    test = fit.nominal_test(chosen.group)
    beyond = (test.misfit["dissimilarity_share"] - test.misfit["chance_share"]).clip(lower=0)
    return replace(
        spread,
        beyond_p_value=float(test.p_value),
        beyond_share=float(beyond.max()),
        beyond_share_label=str(beyond.idxmax()),
        beyond_method=test.method,
    )


def _invited(survey: Survey, waves: tuple[str, ...] | None) -> int | None:
    if survey.n_invited is None or waves is None:
        return survey.n_invited
    cells = survey.cells(by=[survey.wave])
    nowhere = cells.loc[cells[survey.wave].isna(), "n"].sum()
    if nowhere > 0.01 * cells["n"].sum():  # the wave is recorded with the answer only
        return None
    return int(cells.loc[cells[survey.wave].astype("string").isin(waves).fillna(False), "n"].sum())


def _reference(
    chosen: Settings, metric: Metric, cells: pd.DataFrame, labels: list[str], sizes: pd.DataFrame
) -> str:
    """The group the others are compared with: the one asked for, else the largest whose spread can be estimated."""
    n = {str(label): int(size) for label, size in zip(sizes[chosen.group], sizes["n"], strict=True)}
    if chosen.reference is not None:
        if chosen.reference in labels:
            return chosen.reference
        if chosen.reference in n:
            raise ValueError(
                f"reference {chosen.reference!r} has fewer than {chosen.smallest_group} answers, or would give such a "
                f"group away: take one of {', '.join(labels) or 'none'}"
            )
        from difflib import get_close_matches

        near = get_close_matches(chosen.reference, labels, 1)
        raise ValueError(
            f"reference is {chosen.reference!r}, but the groups of {chosen.group!r} are {', '.join(labels) or 'none'}."
            + (f" Did you mean {near[0]!r}?" if near else "")
        )
    used = cells.dropna(subset=[chosen.group]).groupby(chosen.group, observed=True)[metric.key].nunique()
    fit = [label for label in labels if used[label] >= LEAST_CATEGORIES]
    return max(fit or labels, key=lambda label: n[label], default="")


def _too_few_groups(labels: list[str], hidden: int) -> str:
    if not labels and not hidden:
        return "No answer has a group."
    return "There is only one group with answers enough: nothing to compare it with."


def _estimate(means: GroupMeans, i: int, metric: Metric, chosen: Settings) -> Estimate:
    plain, n = bool(np.isclose(means.effective_n[i], means.n[i], rtol=1e-9)), int(means.n[i])
    method = "exact" if plain and n < EXACT_BELOW and len(metric.distinct_values) <= 3 else "score"
    return estimate(
        means.counts[i],
        metric,
        method=method,
        level=chosen.level,
        effective_n=None if plain else float(means.effective_n[i]),
    )


def critical_value(level: float, comparisons: int, degrees_of_freedom: float) -> float:
    """How many standard errors an interval reaches, so that ``comparisons`` of them hold together (Šidák 1967).

    >>> round(critical_value(0.95, 1, float("inf")), 3), round(critical_value(0.95, 4, float("inf")), 3)
    (1.96, 2.491)
    """
    from scipy.special import ndtri, stdtrit

    tail = (1 + level ** (1 / max(comparisons, 1))) / 2
    return float(ndtri(tail) if np.isinf(degrees_of_freedom) else stdtrit(degrees_of_freedom, tail))


class Gaps:
    """The gaps of every group to the reference, at every step and every assumption."""

    def __init__(
        self,
        metric: Metric,
        chosen: Settings,
        answers: mix.Answers,
        labels: list[str],
        reference: str,
        means: GroupMeans,
    ) -> None:
        self.metric, self.chosen, self.answers, self.labels, self.means = (
            metric,
            chosen,
            answers,
            labels,
            means,
        )
        self.reference, self.ref = reference, labels.index(reference)
        self.others = [i for i in range(len(labels)) if i != self.ref]
        self.values = np.asarray(metric.values, dtype=float)
        self.tables = {"raw": mix.tables(answers, metric, "raw")}
        if answers.codes:
            self.tables["mixed"] = mix.tables(answers, metric, "mixed")
        if answers.for_response and answers.invited_known:
            self.tables["answered"] = mix.tables(answers, metric, "answered")
        self.last = list(self.tables)[-1]
        self.critical = critical_value(chosen.level, len(self.others), answers.replicates.degrees_of_freedom)
        self.single = critical_value(chosen.level, 1, answers.replicates.degrees_of_freedom)
        low, high = chosen.style_share
        self.shares = np.linspace(low, high, STEPS) if high > low else np.array([low])
        self.replicates = answers.replicates
        self.able = self.fitted = self._fittable()
        self.neutral = self._neutral()
        self._style()

    # ------------------------------------------------ what scale use could explain

    def _fittable(self) -> np.ndarray:
        """Positions of the groups whose spread can be estimated, the reference first; empty where it is not one."""
        base, again = self.tables["raw"].survey, self.tables["raw"].replicates
        enough = (base.sum(axis=1) >= FEWEST) & ((base > 0).sum(axis=1) >= LEAST_CATEGORIES)
        # nearly all answers alike: in some replicates nothing of the spread is left to see
        enough &= ((again > 0).sum(axis=2) >= LEAST_CATEGORIES).all(axis=0)
        if not enough[self.ref]:
            return np.empty(0, dtype=int)
        return np.array([self.ref, *(i for i in self.others if enough[i])])

    def _neutral(self) -> tuple[float, ...]:
        """The neutral points that have answers on both sides; elsewhere nobody shows where the point lies."""
        counts = self.tables["raw"].survey[self.fitted].sum(axis=0)
        scale = np.asarray(self.metric.scale.categories)
        points = self.chosen.neutral
        return tuple(
            p for p in points if min(counts[scale < p].sum(), counts[scale > p].sum()) >= LEAST_BEYOND
        )

    def _style(self) -> None:
        """Gaps at every assumption, shape (L, C, G), NaN where a group could not be fitted, and their errors."""
        if not self.neutral:
            self.fitted = np.empty(0, dtype=int)
        shape = (len(self.shares), len(self.neutral), len(self.labels))
        self.grid = np.full(shape, np.nan)
        self.grid_error = np.full(shape, np.nan)
        self.again: np.ndarray | None = None
        if len(self.fitted) < 2:
            return
        table = self.tables[self.last]
        self.model, self.models = style.fit(
            table.survey[self.fitted], table.replicates[:, self.fitted], self.metric.scale
        )
        self._keep_settled()
        table = self.tables[self.last]
        over = {"metric": self.metric, "shares": self.shares, "neutral": self.neutral}
        self.values_fitted = style.values(self.model, table.survey[self.fitted], **over)
        self.again = style.values(self.models, table.replicates[:, self.fitted], **over)
        over["shares"] = HIDDEN * self.shares[-1:]
        farther = style.values(self.model, table.survey[self.fitted], **over)
        farther_again = style.values(self.models, table.replicates[:, self.fitted], **over)
        self.farther = farther - farther[..., :1]
        self.farther_error = self._error(farther_again - farther_again[..., :1])
        self.grid[..., self.fitted] = self.values_fitted - self.values_fitted[..., :1]
        self.grid_error[..., self.fitted] = self._error(self.again - self.again[..., :1])

    def _keep_settled(self) -> None:
        """Leave out the few bootstrap replicates in which the model has no maximum."""
        settled = np.isfinite(self.models.location).all(axis=1) & np.isfinite(self.models.log_scale).all(
            axis=1
        )
        if settled.all():
            return
        if settled.mean() < LEAST_SETTLED:
            raise ValueError(
                f"{self.metric.short}: in {int((~settled).sum())} of {len(settled)} replicates the spread of some "
                "group could not "
                "be estimated. Merge small groups, or raise smallest_group"
            )
        kept, old = int(settled.sum()), self.replicates
        factor = old.factor if old.kind == "jackknife" else 1 / (kept - 1)
        self.replicates = Replicates(
            old.counts[settled], factor, old.expansion, old.degrees_of_freedom, old.kind
        )
        self.tables = {
            name: replace(table, replicates=table.replicates[settled]) for name, table in self.tables.items()
        }
        self.models = style.Model(
            self.models.thresholds[settled], self.models.location[settled], self.models.log_scale[settled]
        )

    def _error(self, again: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(self.replicates.variance(again), 0.0))

    # ------------------------------------------------ pairs

    def pairs(self) -> list[Pair]:
        """Every group against the reference."""
        raw = self._raw()
        return [self._pair(i, raw[i]) for i in self.others]

    def _raw(self) -> dict[int, Gap]:
        """Gaps as measured: score limits recovered (MOVER), so that groups in which all agree have an interval too."""
        counts = {label: self.means.counts[i] for i, label in enumerate(self.labels)}
        plain = np.allclose(self.means.effective_n, self.means.n, rtol=1e-9)
        found = compare_groups(
            counts,
            self.metric,
            against=self.reference,
            level=self.chosen.level,
            covariance=None if plain else self.means.covariance,
            seed=self.chosen.seed,
        )
        return {
            self.labels.index(label): Gap(c.difference, c.low, c.high)
            for (_, label), c in zip(found.pairs, found.comparisons, strict=True)
        }

    def _pair(self, i: int, raw: Gap) -> Pair:
        n = int(self.means.n[i])
        steps = {name: self._step(name, i) for name in ("mixed", "answered") if name in self.tables}
        shared = {
            "label": self.labels[i],
            "n": n,
            "raw": raw,
            "mixed": steps.get("mixed"),
            "answered": steps.get("answered"),
        }
        verdict, why, styled = self.judged(i)
        if styled is None:
            return Pair(**shared, styled=None, verdict=verdict, why=why)
        at = int(np.flatnonzero(self.fitted == i)[0])
        table = self.tables[self.last].survey[self.fitted]
        return Pair(
            **shared,
            styled=styled,
            verdict=verdict,
            warning=style.naive_gap(self.model, table, self.metric, at),
            split=self._split(at),
            needed=self._needed(i) if verdict is Verdict.INCONCLUSIVE else None,
        )

    def judged(self, i: int) -> tuple[Verdict, str, Styled | None]:
        """The verdict on a group, why it is not a firm one where its spread is not known, and its range."""
        if i not in self.fitted:
            return *self._unfitted(i), None
        styled = self._styled(i)
        assumption = (styled.low, styled.high)
        return (
            judge(styled.region_low, styled.region_high, self.chosen.margin, assumption=assumption),
            "",
            styled,
        )

    def _unfitted(self, i: int) -> tuple[Verdict, str]:
        base = self.tables["raw"].survey
        for at in (i, self.ref):
            label, used, n = self.labels[at], int((base[at] > 0).sum()), int(self.means.n[at])
            if n < FEWEST:
                return (
                    Verdict.INCONCLUSIVE,
                    f"{label} has {n} answers; a spread is estimated from {FEWEST} on.",
                )
            if used < LEAST_CATEGORIES:
                words = "one answer" if used == 1 else "two different answers"
                return (
                    Verdict.NOT_ANSWERABLE,
                    f"{label} gives only {words}, so how widely it uses the scale cannot be told from how satisfied "
                    "it is.",
                )
        for at in (i, self.ref):
            if at not in self.able and (at == self.ref or self.ref in self.able):
                label = self.labels[at]
                return (
                    Verdict.NOT_ANSWERABLE,
                    f"Nearly all answers of {label} are alike, so how widely it uses the scale cannot be told from how "
                    "satisfied it is.",
                )
        where = join_words([f"{p:g}" for p in self.chosen.neutral], "or")
        return (
            Verdict.NOT_ANSWERABLE,
            f"Hardly anybody answers on one side of {where}, so how far answers are stretched around a neutral point "
            "there "
            "cannot be seen. Choose another with neutral=.",
        )

    def _step(self, name: str, i: int) -> Gap:
        """The gap after a step of composition."""
        table = self.tables[name]
        value, again = (style.raw_values(t, self.metric) for t in (table.survey, table.replicates))
        error = float(self._error(again[:, i] - again[:, self.ref]))
        gap = float(value[i] - value[self.ref])
        return Gap(gap, gap - self.critical * error, gap + self.critical * error)

    def _styled(self, i: int) -> Styled:
        gap, error = self.grid[..., i], self.critical * self.grid_error[..., i]
        at = int(np.flatnonzero(self.fitted == i)[0])
        again = self.again[..., at] - self.again[..., 0]
        # the region reaches a little farther than the highest share: see HIDDEN
        beyond, beyond_error = self.farther[..., at], self.critical * self.farther_error[..., at]
        # what scale use adds to the gap: gap at no style minus gap at this share of it
        start, starts = self._unstyled(i)
        step = start - gap
        step_error = self.critical * self._error(starts[:, None, None] - again)
        return Styled(
            low=float(gap.min()),
            high=float(gap.max()),
            region_low=float(min((gap - error).min(), (beyond - beyond_error).min())),
            region_high=float(max((gap + error).max(), (beyond + beyond_error).max())),
            all_style=tuple(gap[-1].tolist()),
            all_style_low=float((gap - error)[-1].min()),
            all_style_high=float((gap + error)[-1].max()),
            step_low=float(step.min()),
            step_high=float(step.max()),
            step_region_low=float((step - step_error).min()),
            step_region_high=float((step + step_error).max()),
        )

    def _unstyled(self, i: int) -> tuple[float, np.ndarray]:
        table = self.tables[self.last]
        value, again = (style.raw_values(t, self.metric) for t in (table.survey, table.replicates))
        return float(value[i] - value[self.ref]), again[:, i] - again[:, self.ref]

    def _split(self, at: int) -> tuple[Gap, ...]:
        """Shapley's split: points of the gap that are scale use if all of the spread is, per neutral point."""
        splits = []
        for point in self.neutral:
            own = float(style.shapley(self.model, self.metric, at, point))
            error = float(self._error(style.shapley(self.models, self.metric, at, point)))
            splits.append(Gap(own, own - self.critical * error, own + self.critical * error))
        return tuple(splits)

    def _needed(self, i: int) -> int | None:
        """Answers in all with which the verdict would be firm if estimates and their errors' proportions stay."""
        margin, at = self.chosen.margin, int(np.flatnonzero(self.fitted == i)[0])
        # everything the region is the union of, so also what lies beyond the highest share
        gap = np.concatenate([self.grid[..., i].ravel(), self.farther[..., at].ravel()])
        error = self.critical * np.concatenate(
            [self.grid_error[..., i].ravel(), self.farther_error[..., at].ravel()]
        )
        if np.all(np.abs(gap) < margin):
            room = margin - np.abs(gap)
        elif np.all(gap > margin) or np.all(gap < -margin):
            room = np.abs(gap) - margin
        else:
            return None
        n = float(self.means.n.sum())
        # so near the margin that the number means nothing
        if np.any(room <= 0) or np.max(error / room) ** 2 > MOST_NEEDED:
            return None
        return math.ceil(n * float(np.max(error / room)) ** 2)

    def gap_at(self, at: int, point: float, stretch: float) -> tuple[float, float]:
        """Gap of the group at position ``at`` of those fitted, if its log-stretch were known, and its standard error."""

        def gap(model: style.Model, counts: np.ndarray) -> np.ndarray:
            c = model.neutral(self.metric, point)
            mu, zeta = model.location[..., at], model.log_scale[..., at]
            location = c + (mu - c) * np.exp(-stretch)
            after = model.value(self.metric, location[..., None], (zeta - stretch)[..., None])[..., 0]
            raw = style.raw_values(counts, self.metric)
            return raw[..., at] - raw[..., 0] + after - model.values(self.metric)[..., at]

        table = self.tables[self.last]
        own = float(gap(self.model, table.survey[self.fitted]))
        return own, float(self._error(gap(self.models, table.replicates[:, self.fitted])))

    # ------------------------------------------------ places, spread

    def by_label(self, array: np.ndarray) -> dict[str, np.ndarray]:
        """Shape (L, C) per group that was fitted, the reference left out."""
        return {self.labels[i]: array[..., i] for i in self.fitted if i != self.ref}

    def ranks(self) -> tuple[tuple[str, int, int, int, int, int], ...]:
        """Per group fitted: place as measured, places by chance alone, places over all assumptions."""
        if self.again is None:
            return ()
        labels = [self.labels[i] for i in self.fitted]
        values = self.means.values[self.fitted]
        raw = style.raw_values(self.tables["raw"].replicates[:, self.fitted], self.metric)
        measured = self._places(values, raw)
        place = 1 + (values[None, :] > values[:, None]).sum(axis=1)
        first, last = self._places_over_assumptions()
        rows = zip(labels, place, *measured, first, last, strict=True)
        return tuple((label, *map(int, numbers)) for label, *numbers in rows)

    def _places_over_assumptions(self) -> tuple[np.ndarray, np.ndarray]:
        """First and last place of every group, each group's share of style its own.

        A group is surely above another only if it is at every share of the one and of the other: that all groups have
        the same share is no assumption of the verdicts, so it is none of the places.
        """
        ends = list(dict.fromkeys((0, len(self.shares) // 2, len(self.shares) - 1)))
        size = len(self.fitted)
        critical = critical_value(
            self.chosen.level, size * (size - 1) // 2, self.replicates.degrees_of_freedom
        )
        first, last = np.full(size, size), np.ones(size, dtype=int)
        for c in range(len(self.neutral)):
            values, again = self.values_fitted[ends, c], self.again[:, ends, c]
            for g in range(size):
                # axes: share of g, share of the other, the other
                gap = values[None] - values[:, g, None, None]
                reach = critical * self._error(again[:, None] - again[:, :, g, None, None])
                above, below = (gap > reach).all(axis=1), (gap < -reach).all(axis=1)
                above[:, g] = below[:, g] = False
                first[g] = min(first[g], 1 + above.sum(axis=1).min())
                last[g] = max(last[g], size - below.sum(axis=1).min())
        return first, last

    def _places(self, values: np.ndarray, again: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        covariance = self.replicates.covariance(again)
        # a group in which all agree has no error of its own; ranks need one
        covariance = covariance + 1e-9 * np.eye(len(values)) * max(np.trace(covariance), 1e-6)
        sets = rank_sets(
            values, covariance=covariance, level=self.chosen.level, draws=5_000, seed=self.chosen.seed
        )
        return sets.lower, sets.upper

    def spread(self) -> Spread | None:
        """The location–scale model's spreads and tests."""
        if self.again is None:
            return None
        table = self.tables[self.last].survey[self.fitted]
        labels = [self.labels[i] for i in self.fitted]
        error = self._error(self.models.log_scale)
        ratio, reach = self.model.log_scale, self.critical * error
        rows = tuple(
            SpreadRow(
                label,
                int(self.means.n[i]),
                Gap(*(float(np.exp(x)) for x in (ratio[k], ratio[k] - reach[k], ratio[k] + reach[k]))),
            )
            for k, (label, i) in enumerate(zip(labels, self.fitted, strict=True))
            if k
        )
        scale = style.wald_test(
            ratio[1:],
            self.replicates.covariance(self.models.log_scale[:, 1:]),
            self.replicates.degrees_of_freedom,
        )
        misfit = style.raw_values(table, self.metric) - self.model.values(self.metric)
        worst = int(np.argmax(np.abs(misfit)))
        return Spread(
            rows=rows,
            scale_p_value=scale,
            scale_df=len(labels) - 1,
            beyond=float(abs(misfit[worst])),
            beyond_label=labels[worst],
            leniency=style.leniency(self.model, self.metric, LENIENCY),
        )
