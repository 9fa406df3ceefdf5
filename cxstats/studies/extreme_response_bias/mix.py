"""Composition first: which facts all groups are made alike in, and the answers weighted so.

Two steps, both by raking within each group to a common target. *Same mix*: every group's answers get the mix of
all answers. *Who answered*: every group's answers get the mix of everyone invited, so that groups in which other
people stay silent are not compared on that. What is not known of those who stayed silent can serve the first only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxstats.methods.calibration_solver import Block, NotMet, Patterns, family, solve
from cxstats.methods.replicates import Replicates, multinomial, part_jackknife
from cxstats.metrics import Metric
from cxstats.studies.extreme_response_bias.numbers import Fact

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["Answers", "Tables", "answers_of", "kind_of", "replicates_of", "tables"]

RARE = 0.02  # a category with a smaller share of the answers is put together with the other rare ones
LEAST_ANSWERS = 5  # answers a category needs in every group for the groups to be made alike in it
MOST_CATEGORIES = 30  # a fact with more says who somebody is, not what kind of customer
LEAK = 0.2  # a fact known so much more often of those who answered serves the mix, not who answered
LARGEST_EFFECT = 3.0  # design effect of the weights in a group from which on the answers left are too few
OVERLAP = 0.5  # a fact of whose answers fewer lie in shared categories goes with the group
NOT_KNOWN, OTHER = "not known", "other (put together)"

_KINDS = (
    ("language", re.compile(r"lang|idioma|sprache", re.I)),
    ("channel", re.compile(r"channel|kanal|device|touchpoint|collected|method", re.I)),
    ("mode", re.compile(r"interview|mode\b|self.?complet|saq", re.I)),
)


@dataclass(frozen=True, slots=True)
class Answers:
    """The survey's rows as cells, ready to be weighted and counted again.

    Attributes
    ----------
    cells : a row per combination of group, score, facts (and part): ``n``, ``base`` (design weight of one answer).
    place : position of each cell's group among ``labels``; −1 for groups not shown, shape (N,).
    category : position of each cell's answer on the scale; −1 where there is none, shape (N,).
    codes : per fact in use, its category per cell, shape (N,).
    replicates : of the column ``n``.
    how : how the replicates were made, in words.
    facts : every fact there is, with what became of it.
    invited_known : whether rows of those who did not answer are among the cells.
    """

    cells: pd.DataFrame
    labels: tuple[str, ...]
    place: np.ndarray
    category: np.ndarray
    codes: dict[str, np.ndarray]
    for_response: tuple[str, ...]
    replicates: Replicates
    how: str
    facts: tuple[Fact, ...]
    invited_known: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """(Weighted) answers per group and category, shape (G, K), and the same in every replicate, shape (R, G, K).

    Each group's table is scaled to its number of answers.
    """

    survey: np.ndarray
    replicates: np.ndarray


def answers_of(
    survey: Survey,
    metric: Metric,
    group: str,
    labels: Sequence[str],
    reference: str,
    *,
    mix: Sequence[str] | None,
    waves: Sequence[str] | None,
    n_replicates: int,
    seed: int,
) -> Answers:
    """Cells of the groups shown, with the facts that all groups can be made alike in.

    Raises
    ------
    ValueError : a fact asked for by name that groups cannot be made alike in; the message says why.
    """
    names = [name for name in survey.groups if name not in (group, survey.wave)]
    if mix is not None:
        unknown = [name for name in mix if name not in names]
        if unknown:
            raise ValueError(
                f"mix names {', '.join(map(repr, unknown))}, but besides {group!r} the survey has "
                f"{', '.join(map(repr, names)) or 'no groups'}"
            )
    cells = _read(survey, metric.key, group, names, waves)
    place = pd.Index(list(labels)).get_indexer(cells[group].astype("string"))
    score = cells[metric.key]
    category = np.where(
        score.notna(), score.fillna(metric.scale.low).to_numpy(dtype=int) - metric.scale.low, -1
    )
    known = survey.n_invited is not None
    facts, codes, for_response = [], {}, []
    for name in names:
        fact, code, everyone = _fact(
            survey, cells, name, place, category, labels, reference, known, asked=mix is None or name in mix
        )
        if mix is not None and name in mix and not fact.used:
            raise ValueError(f"groups cannot be made alike in {name!r}: {fact.why}")
        facts.append(fact)
        if fact.used:
            codes[name] = code
            if everyone:
                for_response.append(name)
    keep = place >= 0
    cells, place, category = cells[keep].reset_index(drop=True), place[keep], category[keep]
    codes = {name: code[keep] for name, code in codes.items()}
    replicates, how = replicates_of(cells, n_replicates, seed)
    answers = Answers(
        cells,
        tuple(labels),
        place,
        category,
        codes,
        tuple(for_response),
        replicates,
        how,
        tuple(facts),
        known,
    )
    return _feasible(answers, asked=mix is not None)


def _feasible(answers: Answers, *, asked: bool) -> Answers:
    """The answers with as many facts as weights of sensible size exist for; the thinnest facts go first."""
    held = answers.category >= 0
    mass = (answers.cells["n"] * answers.cells["base"]).to_numpy(dtype=float)
    thin = {
        name: np.bincount(answers.place[held] * (code.max() + 1) + code[held], weights=mass[held]).min()
        for name, code in answers.codes.items()
    }
    order = sorted(answers.codes, key=lambda name: -thin[name])
    dropped: dict[str, str] = {}
    while order:
        why = ""
        for names, everyone in ((order, False), ([x for x in order if x in answers.for_response], True)):
            if names and (not everyone or answers.invited_known):
                why = why or _trouble(answers, names, mass, held, everyone=everyone)
        if not why:
            break
        name = order.pop()
        if asked:
            raise ValueError(f"groups cannot be made alike in {name!r} beside the other facts: {why}")
        dropped[name] = why
    return replace(
        answers,
        codes={name: code for name, code in answers.codes.items() if name in order},
        for_response=tuple(name for name in answers.for_response if name in order),
        facts=tuple(
            replace(fact, used=False, why=dropped[fact.name]) if fact.name in dropped else fact
            for fact in answers.facts
        ),
    )


def _trouble(
    answers: Answers, names: Sequence[str], mass: np.ndarray, held: np.ndarray, *, everyone: bool
) -> str:
    """Why the groups' answers cannot get this mix; "" where they can."""
    target = _targets(answers, names, mass, everyone=everyone)
    raking = Raking.of(
        answers.place[held], [answers.codes[x][held] for x in names], target, len(answers.labels)
    )
    own = np.bincount(raking.pattern, weights=mass[held], minlength=raking.size)
    try:
        factors, _ = raking.solve(own, None)
    except NotMet:
        return "no weights give every group the same mix of all facts together"
    group = raking.group
    after = np.bincount(group, weights=own * factors**2) * np.bincount(group, weights=own)
    effect = after / np.maximum(np.bincount(group, weights=own * factors) ** 2, 1e-300)
    if effect.max() > LARGEST_EFFECT:
        where = answers.labels[int(np.argmax(effect))]
        return f"weights to the same mix would leave too few of the answers in {where}"
    return ""


@dataclass(frozen=True, slots=True)
class Raking:
    """Weights that give every group the wanted shares of every fact, on distinct patterns of group and facts."""

    patterns: Patterns
    pattern: np.ndarray
    group: np.ndarray
    target: tuple[np.ndarray, ...]
    n_groups: int

    @property
    def size(self) -> int:
        """Number of patterns."""
        return len(self.group)

    @classmethod
    def of(
        cls, place: np.ndarray, codes: Sequence[np.ndarray], target: Sequence[np.ndarray], n_groups: int
    ) -> Raking:
        """The patterns that occur among these cells."""
        distinct, pattern = np.unique(np.stack([place, *codes]), axis=1, return_inverse=True)
        blocks = tuple(
            Block(n_groups * len(share), code=distinct[0] * len(share) + row)
            for share, row in zip(target, distinct[1:], strict=True)
        )
        return cls(Patterns(blocks), pattern.ravel(), distinct[0], tuple(target), n_groups)

    def solve(self, mass: np.ndarray, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Factor of each pattern's weight, and the coefficients to start a similar problem from.

        Raises
        ------
        NotMet : there are no such weights.
        """
        size = np.bincount(self.group, weights=mass, minlength=self.n_groups)
        totals = np.concatenate([np.outer(size, share).ravel() for share in self.target])
        found = solve(self.patterns, mass, totals, family("raking", None), start=start)
        return found.factors, found.coefficients


def _read(
    survey: Survey, score: str, group: str, names: Sequence[str], waves: Sequence[str] | None
) -> pd.DataFrame:
    by = [score, group, *names, *([survey.wave] if waves is not None else [])]
    by += ["part"] if "part" in survey.columns and survey.repeats else []
    if survey.weighted:  # weights differ from row to row: a row is a cell
        cells = survey.rows([*by, "weight"]).assign(n=1)
        cells["base"] = cells.pop("weight").astype(float).fillna(0.0)
    else:
        cells = survey.cells(by=by).assign(base=1.0)
    if waves is not None:
        cells = cells[cells[survey.wave].astype("string").isin(list(waves))].drop(columns=[survey.wave])
    for name in (group, *names):
        cells[name] = cells[name].astype("string")
    return cells.reset_index(drop=True)


def kind_of(name: str, title: str) -> str:
    """Whether a fact is the language, channel or mode of the questionnaire, by its name.

    >>> kind_of("language", "Language of the questionnaire"), kind_of("seg", "Segment")
    ('language', 'other')
    """
    text = f"{name} {title}"
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), "other")


def _fact(
    survey: Survey,
    cells: pd.DataFrame,
    name: str,
    place: np.ndarray,
    category: np.ndarray,
    labels: Sequence[str],
    reference: str,
    known: bool,
    *,
    asked: bool,
) -> tuple[Fact, np.ndarray, bool]:
    """What becomes of one fact, its category per cell, and whether it is known of the silent too."""
    title = survey.group_labels[name]
    n = cells["n"].to_numpy(dtype=float)
    label = cells[name].fillna(NOT_KNOWN).to_numpy(dtype=object)
    here = (category >= 0) & (place >= 0)
    code, found = pd.factorize(label)
    size = np.bincount(code[here], weights=n[here], minlength=len(found))
    # rare categories, and those that only the silent have, stand together
    rare = size < max(RARE * size.sum(), LEAST_ANSWERS)
    merged = tuple(sorted(str(found[i]) for i in np.flatnonzero(rare))) if rare.sum() > 1 else ()
    if merged:
        first = int(np.flatnonzero(rare)[0])
        code = np.where(rare[code], first, code)
        code, _ = pd.factorize(code)
    n_categories = code.max(initial=-1) + 1
    counts = np.zeros((len(labels), n_categories))
    np.add.at(counts, (place[here], code[here]), n[here])
    overlap = _overlap(counts, list(labels).index(reference))
    kind = kind_of(name, title)

    def left_out(why: str) -> tuple[Fact, np.ndarray, bool]:
        return Fact(name, title, kind, False, why, overlap), code, False

    if not asked:
        return left_out("not asked for")
    if len(found) > MOST_CATEGORIES:
        return left_out(f"it has {len(found)} categories, more than {MOST_CATEGORIES}")
    if n_categories < 2:
        return left_out("only one of its categories has answers enough")
    if overlap < OVERLAP:
        return left_out("it goes with the groups: hardly any of its categories is found in two of them")
    thin = counts.min(axis=0) < LEAST_ANSWERS
    if thin.any():
        worst = int(np.argmin(counts.min(axis=0)))
        where = list(labels)[int(np.argmin(counts[:, worst]))]
        which = _name_of(found, code, label, worst)
        return left_out(f"too few answers in {where} for {which}")
    everyone = known and not _leaks(label, category, n)
    return Fact(name, title, kind, True, "", overlap, merged), code, everyone


def _name_of(found: Any, code: np.ndarray, label: np.ndarray, which: int) -> str:
    names = sorted({str(x) for x in label[code == which]})
    return f"“{names[0]}”" if len(names) == 1 else "its rare categories"


def _overlap(counts: np.ndarray, reference: int) -> float:
    """Share of the other groups' answers whose category the reference has too."""
    others = np.delete(counts, reference, axis=0)
    if others.sum() == 0:
        return 0.0
    shared = counts[reference] >= LEAST_ANSWERS
    by_group = (others * shared).sum(axis=1) / np.maximum(others.sum(axis=1), 1)
    return float(by_group.mean())


def _leaks(label: np.ndarray, category: np.ndarray, n: np.ndarray) -> bool:
    blank, answered = label == NOT_KNOWN, category >= 0
    if not answered.any() or answered.all():
        return False
    missing = [float(n[blank & who].sum() / max(n[who].sum(), 1)) for who in (answered, ~answered)]
    return missing[1] - missing[0] > LEAK


def replicates_of(cells: pd.DataFrame, n_replicates: int, seed: int) -> tuple[Replicates, str]:
    """Replicates of the cells, and how they were made: by parts of the customers where these may repeat."""
    if "part" in cells.columns:
        made = part_jackknife(cells)
        return made, f"a jackknife over {len(made)} parts of the customers, who stay or go as a whole"
    return multinomial(cells, n_replicates, seed), f"{n_replicates} bootstrap replicates of the answers"


def tables(answers: Answers, metric: Metric, step: str) -> Tables:
    """Answers per group and category at one step: "raw", "mixed" or "answered".

    Every replicate is weighted anew. A replicate, or a group, whose mix cannot be reached keeps its own weights.
    """
    shape = (len(answers.labels), metric.scale.size)
    held = answers.category >= 0
    at = answers.place[held] * shape[1] + answers.category[held]
    base = answers.cells["base"].to_numpy(dtype=float)
    counts = answers.cells["n"].to_numpy(dtype=float)
    names = () if step == "raw" else tuple(answers.codes) if step == "mixed" else answers.for_response
    raking = None
    if names:
        target = _targets(answers, names, counts * base, everyone=step == "answered")
        raking = Raking.of(answers.place[held], [answers.codes[x][held] for x in names], target, shape[0])

    def table(n: np.ndarray, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        mass, coefficients = (n * base)[held], start
        if raking is not None:
            own = np.bincount(raking.pattern, weights=mass, minlength=raking.size)
            try:
                factors, coefficients = raking.solve(own, start)
            except NotMet:
                if start is None:
                    raise
                # a replicate that lacks a category altogether: the weights of the survey itself
                factors = np.exp(raking.patterns.linear(start))
            mass = mass * factors[raking.pattern]
        flat = np.bincount(at, weights=mass, minlength=shape[0] * shape[1]).reshape(shape)
        size = np.bincount(answers.place[held], weights=n[held], minlength=shape[0])
        total = flat.sum(axis=1)
        scaled = flat * np.divide(size, total, out=np.zeros_like(total), where=total > 0)[:, None]
        return scaled, coefficients

    own, start = table(counts, None)
    again = np.stack([table(row.astype(float), start)[0] for row in answers.replicates.counts])
    return Tables(own, again)


def _targets(answers: Answers, names: Sequence[str], mass: np.ndarray, *, everyone: bool) -> list[np.ndarray]:
    """Wanted share of each category of each fact, over all groups."""
    who = np.ones(len(mass), dtype=bool) if everyone else answers.category >= 0
    shares = []
    for name in names:
        size = np.bincount(
            answers.codes[name][who], weights=mass[who], minlength=answers.codes[name].max() + 1
        )
        shares.append(size / size.sum())
    return shares
