"""Gaps of every group to the reference, at every step of composition and every assumption about scale use."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cxstats.findings import Verdict, judge
from cxstats.methods.bounded import difference_limits, score_limits
from cxstats.methods.groups import GroupMeans
from cxstats.methods.ranks import rank_sets
from cxstats.methods.replicates import Replicates
from cxstats.methods.simultaneous import compare_groups
from cxstats.metrics import Metric
from cxstats.studies.extreme_response_bias import mix, style
from cxstats.studies.extreme_response_bias.numbers import Gap, Pair, Settings, Spread, SpreadRow, Styled
from cxstats.words import join_words

__all__ = ["FEWEST", "LEAST_CATEGORIES", "LENIENCY", "Gaps", "critical_value"]

FEWEST = 30  # answers from which on a group's spread is estimated
LEAST_CATEGORIES = 3  # categories a group must use for its spread to be told from its level
PEOPLE = 0.2  # standard deviation of log-stretch between persons of a group, up to which the regions hold
HIDDEN = 1.12  # people who differ by so much hide up to a ninth of the difference between groups; see docs
STEPS = 11  # values of λ looked at, from the lowest to the highest
LEAST_BEYOND = 10  # answers on either side of a neutral point, without which nothing shows where it lies
LEAST_SETTLED = 0.95  # share of bootstrap replicates in which the model must have a maximum
MOST_NEEDED = 25  # times the answers there are, above which no number that would settle it is given
LENIENCY = 0.2  # latent standard deviations of a uniform shift whose size in points is always printed


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
        # bootstrap replicates could be as many as one likes, but they are not: an error that is read off R of them
        # is known as well as one of R − 1 degrees of freedom, which matters where thirty groups must hold together
        self.degrees_of_freedom = min(answers.replicates.degrees_of_freedom, len(answers.replicates) - 1.0)
        self.critical = critical_value(chosen.level, len(self.others), self.degrees_of_freedom)
        self.single = critical_value(chosen.level, 1, self.degrees_of_freedom)
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
        """Gaps at every assumption, shape (L, C, G), NaN where a group could not be fitted, and their limits."""
        if not self.neutral:
            self.fitted = np.empty(0, dtype=int)
        shape = (len(self.shares), len(self.neutral), len(self.labels))
        self.grid, self.grid_low, self.grid_high = (np.full(shape, np.nan) for _ in range(3))
        # gap and limits where people within groups hide a part of the difference between them
        self.farther = np.full((3, 1, *shape[1:]), np.nan)
        self.again: np.ndarray | None = None
        self.unsettled = False
        if len(self.fitted) < 2:
            return
        if not self._fit():
            # one group can spoil it for all: those go whose model has no maximum beside the reference alone
            self.unsettled = True
            alone = [i for i in self.fitted[1:] if self._fit(np.array([self.ref, i]))]
            if not alone or not self._fit(np.array([self.ref, *alone])):
                self.fitted = np.empty(0, dtype=int)
                return
            self.fitted = np.array([self.ref, *alone])
        self._keep_settled()
        table = self.tables[self.last]
        over = {"metric": self.metric, "shares": self.shares, "neutral": self.neutral}
        self.values_fitted = self._within(style.values(self.model, table.survey[self.fitted], **over))
        self.again = self._within(style.values(self.models, table.replicates[:, self.fitted], **over))
        self.grid[..., self.fitted] = self.values_fitted - self.values_fitted[..., :1]
        limits = self._limits(self.values_fitted, self.again, self.fitted, self.critical)
        self.grid_low[..., self.fitted], self.grid_high[..., self.fitted] = limits
        over["shares"] = HIDDEN * self.shares[-1:]
        farther = self._within(style.values(self.model, table.survey[self.fitted], **over))
        again = self._within(style.values(self.models, table.replicates[:, self.fitted], **over))
        self.farther[..., self.fitted] = (
            farther - farther[..., :1],
            *self._limits(farther, again, self.fitted, self.critical),
        )

    def _fit(self, fitted: np.ndarray | None = None) -> bool:
        """The model of the groups at these positions; whether it has a maximum in nearly all replicates."""
        fitted, table = self.fitted if fitted is None else fitted, self.tables[self.last]
        try:
            self.model, self.models = style.fit(table.survey[fitted], table.replicates[:, fitted])
        except ValueError:
            return False
        return bool(self._settled().mean() >= LEAST_SETTLED)

    def _settled(self) -> np.ndarray:
        """In which replicates the model has a maximum and every neutral point a place, shape (R,)."""
        settled = np.isfinite(self.models.location).all(axis=1) & np.isfinite(self.models.log_scale).all(
            axis=1
        )
        for point in self.neutral:
            settled &= np.isfinite(self.models.neutral(self.metric, point))
        return settled

    def _keep_settled(self) -> None:
        """Leave out the few replicates in which the model has no maximum."""
        settled = self._settled()
        if settled.all():
            return
        kept, old = int(settled.sum()), self.replicates
        factor = old.factor * len(settled) / kept if old.kind == "jackknife" else 1 / (kept - 1)
        self.replicates = Replicates(
            old.counts[settled], factor, old.expansion, old.degrees_of_freedom, old.kind
        )
        self.tables = {
            name: replace(table, replicates=table.replicates[settled]) for name, table in self.tables.items()
        }
        self.models = style.Model(
            self.models.thresholds[settled], self.models.location[settled], self.models.log_scale[settled]
        )

    def _within(self, values: np.ndarray) -> np.ndarray:
        """Values of the metric, kept on its scale: what the model leaves unexplained can carry them beyond its ends."""
        return np.clip(values, self.metric.low, self.metric.high)

    def _limits(
        self,
        values: np.ndarray,
        again: np.ndarray,
        groups: np.ndarray,
        critical: float,
        further: float | np.ndarray = 0.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Limits of the gaps to the first of the groups at these positions, from their values, shape (…, G).

        Each value's limits keep to the ends of the metric, and so does what is recovered from them. ``further`` is a
        standard error of each value that the replicates do not have.
        """
        drawn, apart = self._error(again), self._error(again - again[..., :1])
        shared = (drawn**2 + drawn[..., :1] ** 2 - apart**2) / 2
        error = np.hypot(drawn, further)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = shared / (error * error[..., :1])
        bounds = (self.metric.low, self.metric.high)
        n = np.maximum(self.means.effective_n[groups], 1.0)
        one = (values, *score_limits(values, error, n, bounds, critical))
        low, high = difference_limits(
            one, tuple(x[..., :1] for x in one), np.where(np.isfinite(correlation), correlation, 0.0)
        )
        # the reference against itself
        low[..., 0] = high[..., 0] = 0.0
        return low, high

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
        if self.unsettled:
            return (
                Verdict.NOT_ANSWERABLE,
                f"The answers of {self.labels[i]} hold too little to tell how widely it uses the scale from how satisfied "
                "it is: in more than a few repeated surveys no spread could be found.",
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
        table, pair = self.tables[name], np.array([self.ref, i])
        value, again = (style.raw_values(t, self.metric) for t in (table.survey, table.replicates))
        low, high = self._limits(value[pair], again[:, pair], pair, self.critical)
        return Gap(float(value[i] - value[self.ref]), float(low[1]), float(high[1]))

    def _styled(self, i: int) -> Styled:
        gap, low, high = self._over_assumptions(i)
        # what scale use adds to the gap: gap at no style minus gap at this share of it
        step = self._unstyled(i) - gap
        return Styled(
            low=float(gap.min()),
            high=float(gap.max()),
            region_low=float(low.min()),
            region_high=float(high.max()),
            all_style=tuple(self.grid[-1, :, i].tolist()),
            step_low=float(step.min()),
            step_high=float(step.max()),
        )

    def _over_assumptions(self, i: int) -> list[np.ndarray]:
        """Gap and limits of a group at every assumption, what people within groups hide among them, (L + 1, C) each."""
        grids = (self.grid, self.grid_low, self.grid_high)
        return [
            np.concatenate([grid[..., i], far[..., i]]) for grid, far in zip(grids, self.farther, strict=True)
        ]

    def _unstyled(self, i: int) -> float:
        """The gap before any of it is taken for scale use."""
        value = style.raw_values(self.tables[self.last].survey, self.metric)
        return float(value[i] - value[self.ref])

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
        margin = self.chosen.margin
        gap, low, high = (x.ravel() for x in self._over_assumptions(i))
        if np.all(np.abs(gap) < margin):
            room, reach = np.stack([gap + margin, margin - gap]), np.stack([gap - low, high - gap])
        elif np.all(gap > margin):
            room, reach = gap - margin, gap - low
        elif np.all(gap < -margin):
            room, reach = -margin - gap, high - gap
        else:
            return None
        # so near the margin that the number means nothing
        if np.any(room <= 0) or np.max(reach / room) ** 2 > MOST_NEEDED:
            return None
        return math.ceil(float(self.means.n.sum()) * float(np.max(reach / room)) ** 2)

    def gap_with_stretch(self, at: int, point: float, stretch: float, error: float) -> Gap:
        """Gap of the group at position ``at`` of those fitted, its log-stretch known by itself, with this error.

        One by one: the interval does not hold together with those of other groups.
        """

        def both(model: style.Model, counts: np.ndarray, stretch: float) -> np.ndarray:
            """The reference's value and the group's, shape (…, 2)."""
            c = model.neutral(self.metric, point)
            mu, zeta = model.location[..., at], model.log_scale[..., at]
            location = c + (mu - c) * np.exp(-stretch)
            after = model.value(self.metric, location[..., None], (zeta - stretch)[..., None])[..., 0]
            raw = style.raw_values(counts, self.metric)
            own = raw[..., at] + after - model.values(self.metric)[..., at]
            return self._within(np.stack([raw[..., 0], own], axis=-1))

        table = self.tables[self.last]
        counts, again = table.survey[self.fitted], table.replicates[:, self.fitted]
        values = both(self.model, counts, stretch)
        # the stretch comes from other answers: its error adds to the replicates' own
        away = np.abs(both(self.model, counts, stretch + error) - values)
        varied = both(self.models, again, stretch)
        low, high = self._limits(values, varied, self.fitted[[0, at]], self.single, further=away)
        return Gap(float(values[1] - values[0]), float(low[1]), float(high[1]))

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
        critical = critical_value(self.chosen.level, size * (size - 1) // 2, self.degrees_of_freedom)
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
