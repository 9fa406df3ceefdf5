"""The measures by segment, moment, channel: every group variable, small groups hidden, and which groups stand out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cxstats.methods.groups import group_means
from cxstats.methods.intervals import estimate
from cxstats.methods.simultaneous import compare_with_rest
from cxstats.metrics import Metric
from cxstats.studies.disclosure import hidden_groups
from cxstats.studies.score_overview.measures import (
    VALUE,
    Frame,
    Measure,
    estimate_of,
    in_wave,
    mean_worth,
)

__all__ = [
    "Cell",
    "GroupVariable",
    "ValueWeighted",
    "Worth",
    "by_group",
    "value_weighted",
    "worth_of_answers",
]

MOST_GROUPS = 30
"""Categories of one group variable beyond which it is a league table, and no part of this page."""

MOST_TOGETHER = 2_000
"""Combinations of group variables that are counted in one pass; with more of them there are as many cells as "
"answers."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A measure in one group."""

    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GroupVariable:
    """All measures in each category of one group variable.

    Attributes
    ----------
    name, title : the variable, and its name for a reader.
    labels : its categories, in the order of their names.
    cells : per measure's key, one cell a category; None where it is hidden or has no answers.
    hidden : per measure's key, number of categories hidden.
    standing_out : of the headline score: (category, difference from the rest, low, high) of the categories that differ
        from all others together by more than chance, all variables' intervals holding together.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    cells: dict[str, tuple[Cell | None, ...]]
    hidden: dict[str, int]
    standing_out: tuple[tuple[str, float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ValueWeighted:
    """A score as counted, and with every answer counting for what its customer is worth."""

    key: str
    n: int
    plain: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """What customers are worth by their answer to the headline score: detractors, passives, promoters."""

    label: str
    n: int
    value: float
    low: float
    high: float


def by_group(
    frame: Frame, measures: tuple[Measure, ...], headline: str
) -> tuple[tuple[GroupVariable, ...], tuple[str, ...]]:
    """The measures in every group of the wave each is reported for; and titles of variables with too many groups."""
    survey = frame.survey
    variables, crowded = [], []
    for name in survey.groups:
        found = sorted(str(label) for label in survey.cells([name])[name].dropna().unique())
        if len(found) > MOST_GROUPS:
            crowded.append(survey.group_labels[name])
        elif len(found) > 1:
            variables.append((name, found))
    frame = replace(frame, joint=_few_together(variables))
    cells: dict[str, dict[str, tuple[Cell | None, ...]]] = {name: {} for name, _ in variables}
    hidden: dict[str, dict[str, int]] = {name: {} for name, _ in variables}
    out: dict[str, tuple[tuple[str, float, float, float], ...]] = {}
    for measure in measures:
        if not measure.readings:
            continue
        tables = {name: _of_wave(frame, measure, [name]) for name, _ in variables}
        sizes = {
            name: table.dropna(subset=[name]).groupby(name, observed=True, as_index=False)["n"].sum()
            for name, table in tables.items()
        }

        def together(one: str, other: str, of: Measure = measure) -> pd.DataFrame:
            both = _of_wave(frame, of, [one, other])
            return both.groupby([one, other], observed=True, dropna=False, as_index=False)["n"].sum()

        gone = hidden_groups(sizes, together, threshold=frame.smallest)
        for name, labels in variables:
            shown = [str(label) for label in sizes[name][name][~gone[name]]]
            hidden[name][measure.key] = int(gone[name].sum())
            found_cells = _cells(frame, measure, name, shown)
            cells[name][measure.key] = tuple(found_cells.get(label) for label in labels)
            if measure.key == headline and measure.metric is not None and len(shown) > 1:
                out[name] = _standing_out(frame, measure, name, shown, len(variables))
    return (
        tuple(
            GroupVariable(
                name, survey.group_labels[name], tuple(labels), cells[name], hidden[name], out.get(name, ())
            )
            for name, labels in variables
        ),
        tuple(crowded),
    )


def _few_together(variables: list[tuple[str, list[str]]]) -> tuple[str, ...]:
    """Variables that may be counted together: the combinations of their categories stay few."""
    chosen, combinations = [], 1
    for name, labels in sorted(variables, key=lambda one: len(one[1])):
        combinations *= len(labels) + 1
        if combinations > MOST_TOGETHER:
            break
        chosen.append(name)
    return tuple(chosen)


def _of_wave(frame: Frame, measure: Measure, names: list[str]) -> pd.DataFrame:
    """Counts of what is known of the measure in its wave, by group variables; missing labels are rows too."""
    if measure.kind == "value":
        rows = frame.amounts_of(measure.now.label)
        cells = rows.groupby(names, observed=True, dropna=False, as_index=False).size()
        return cells.rename(columns={"size": "n"})
    cells = frame.cells(measure.key, *names).dropna(subset=[measure.key])
    return cells[in_wave(cells, frame.survey.wave, measure.now.label)]


def _cells(frame: Frame, measure: Measure, name: str, shown: list[str]) -> dict[str, Cell]:
    if not shown:
        return {}
    if measure.kind == "value":
        rows = frame.amounts_of(measure.now.label, name)
        out = {}
        for label, part in rows.groupby(name, observed=True):
            if str(label) in shown:
                found = mean_worth(part, frame.level)
                out[str(label)] = Cell(found.n, found.value, found.low, found.high)
        return out
    assert measure.metric is not None
    means = _means(frame, measure, name, shown)
    found_all = [estimate_of(means, i, measure.metric, frame.level) for i in range(len(shown))]
    return {
        label: Cell(int(means.n[i]), e.value, e.low, e.high)
        for i, (label, e) in enumerate(zip(shown, found_all, strict=True))
    }


def _means(frame: Frame, measure: Measure, name: str, shown: list[str]):
    survey = frame.survey
    # the matrix goes with the rows of cells counted by just these columns
    cells = (replace(frame, joint=()) if measure.repeated else frame).cells(measure.key, name)
    keep = in_wave(cells, survey.wave, measure.now.label)
    matrix = None
    if measure.repeated:
        by = [measure.key, name, *frame.by_wave]
        matrix = survey.cluster_matrix(by, weighted=survey.weighted)[np.ix_(keep, keep)]
    assert measure.metric is not None
    return group_means(
        cells[keep],
        measure.metric,
        score=measure.key,
        group=name,
        labels=shown,
        matrix=matrix,
        level=frame.level,
    )


def _standing_out(
    frame: Frame, measure: Measure, name: str, shown: list[str], n_variables: int
) -> tuple[tuple[str, float, float, float], ...]:
    means = _means(frame, measure, name, shown)
    counts = {label: means.counts[i] for i, label in enumerate(shown)}
    worth = {label: float(means.effective_n[i]) for i, label in enumerate(shown)}
    assert measure.metric is not None
    level = 1 - (1 - frame.level) / n_variables
    # "the rest" is what compare_with_rest calls all others; a group of that name keeps out of it
    if "the rest" in counts:
        return ()
    family = compare_with_rest(counts, measure.metric, level=level, adjust="holm", effective_n=worth)
    out = [
        (label, c.difference, c.low, c.high)
        for (_, label), c in zip(family.pairs, family.comparisons, strict=True)
        if c.low > 0 or c.high < 0
    ]
    return tuple(sorted(out, key=lambda one: -abs(one[1])))


# --- what customers are worth ---------------------------------------------------------------------


def value_weighted(frame: Frame, measures: tuple[Measure, ...]) -> tuple[ValueWeighted, ...]:
    """Every score with its answers weighted by what their customers are worth."""
    out = []
    for measure in measures:
        if measure.kind != "score" or not measure.readings:
            continue
        assert measure.metric is not None
        rows = frame.amounts_of(measure.now.label, measure.key)
        worth = rows[VALUE].to_numpy(dtype=float)
        rows, worth = rows[worth > 0], worth[worth > 0]
        if len(rows) < frame.smallest:
            continue
        out.append(_value_weighted(frame, measure.key, measure.metric, rows, worth))
    return tuple(out)


def _value_weighted(
    frame: Frame, key: str, metric: Metric, rows: pd.DataFrame, worth: np.ndarray
) -> ValueWeighted:
    score = rows[key].to_numpy(dtype=int)
    weight = worth * (rows["weight"].to_numpy(dtype=float) if "weight" in rows.columns else 1.0)
    weight = weight / weight.mean()  # the unit of worth says nothing
    kinds, place = np.unique(score, return_inverse=True)
    table = pd.DataFrame(
        {
            key: pd.array(kinds, dtype="Int64"),
            "n": np.bincount(place),
            "w": np.bincount(place, weights=weight),
            "w2": np.bincount(place, weights=weight**2),
        }
    )
    matrix = None
    if "customer" in rows.columns:
        who = pd.factorize(rows["customer"])[0]
        falls = np.zeros((who.max() + 1, len(kinds)))
        np.add.at(falls, (who, place), weight)
        matrix = falls.T @ falls
    means = group_means(table, metric, score=key, matrix=matrix, level=frame.level)
    found = estimate(means.counts[0], metric, level=frame.level, effective_n=float(means.effective_n[0]))
    own = rows["weight"].to_numpy(dtype=float) if "weight" in rows.columns else None
    plain = metric.value(np.bincount(score - metric.scale.low, weights=own, minlength=metric.scale.size))
    return ValueWeighted(key, len(rows), plain, found.value, found.low, found.high)


def worth_of_answers(frame: Frame, measure: Measure) -> tuple[Worth, ...]:
    """Mean worth of customers by their answer to a score whose answers have names; () where they have none."""
    metric = measure.metric
    if metric is None or not measure.readings or len(metric.groups) != len(metric.distinct_values):
        return ()
    rows = frame.amounts_of(measure.now.label, measure.key)
    of_category = np.searchsorted(metric.distinct_values, np.asarray(metric.values))
    group = of_category[rows[measure.key].to_numpy(dtype=int) - metric.scale.low]
    sizes = pd.DataFrame(
        {"group": list(metric.groups), "n": np.bincount(group, minlength=len(metric.groups))}
    )
    gone = hidden_groups({"group": sizes}, lambda a, b: sizes, threshold=frame.smallest)["group"]
    out = []
    for i, label in enumerate(metric.groups):
        here = group == i
        if gone[i] or here.sum() < frame.smallest:
            continue
        found = mean_worth(rows[here], frame.level)
        out.append(Worth(label, found.n, found.value, found.low, found.high))
    return tuple(out)
