"""Can these groups be compared on this metric? The numbers behind the report.

The verdict, stated before any data
-----------------------------------
For each group against the reference the question is: *does the group differ from the reference by the margin or
more, whatever part of the difference in spread is scale use?* The effect is group minus reference with the
same customer mix, with who answered allowed for where the invitations are known, and with everybody using the scale
as the reference does.

With one item per person and no anchor that effect is not identified. It is stated over assumptions: a share λ of the
difference in (log) spread is scale use, λ anywhere in ``style_share``, [0, 1] by default; answers are stretched
around the scale's neutral point, which is any of ``neutral``; people of one group may differ in style too, by a standard
deviation of the log-stretch of up to 0.2 (``gaps.PEOPLE``), which hides up to a ninth of the difference between
groups, so that λ reaches 12 % beyond its highest value. At each assumption the effect has an interval that
holds for all groups together (Šidák 1967, valid whatever their correlation and even if λ differs from group to group;
Student's t with the replicates' degrees of freedom). The region is the union of these intervals over the
assumptions, so it contains the truth wherever in the class it lies. Intervals keep to the ends of the metric (score limits
of either group's value, put together by MOVER). It is judged against ±margin; where the
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

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxstats.cells import suppress
from cxstats.findings import Verdict
from cxstats.methods.groups import GroupMeans, group_means
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.latent_metric import default_neutral
from cxstats.methods.ordinal import location_scale
from cxstats.metrics import Metric, Scale
from cxstats.parameters import Count, Level, Margin, Seed, checked
from cxstats.progress import step
from cxstats.studies.extreme_response_bias import mix
from cxstats.studies.extreme_response_bias.gaps import LEAST_CATEGORIES, Gaps
from cxstats.studies.extreme_response_bias.numbers import (
    Numbers,
    Settings,
    Spread,
    Styled,
)

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["SMALLEST_GROUP", "measure", "settings", "verdicts_of_counts"]

SMALLEST_GROUP = 10
EXACT_BELOW = 30


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
        return default_neutral(scale)
    points = tuple(float(x) for x in (given if isinstance(given, (list, tuple)) else [given]))
    wrong = [x for x in points if 2 * x != round(2 * x) or not scale.low < x < scale.high]
    if wrong or not points:
        raise ValueError(
            f"neutral is {given!r}, but must be points inside the scale {scale}: whole numbers (the centre of that "
            f"answer) or halves (between two answers), such as {list(default_neutral(scale))}"
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

    step("counting")
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
    step("groups made alike")
    answers = mix.answers_of(
        survey, metric, chosen.group, labels, reference,
        mix=chosen.mix, waves=waves, n_replicates=chosen.replicates, seed=chosen.seed,
    )  # fmt: skip
    step("differences")
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
        grid_low=gaps.by_label(gaps.grid_low),
        grid_high=gaps.by_label(gaps.grid_high),
        ranks=gaps.ranks(),
        spread=_tested(gaps, cells, matrix, chosen),
        critical=gaps.critical,
        how_replicated=answers.how,
    )
    step("other evidence")
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
