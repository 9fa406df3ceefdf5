"""Composition first: which facts all groups are made alike in, and the answers weighted so.

Two steps, both by raking within each group to a common target. *Same mix*: every group's answers get the mix of
all answers. *Who answered*: every group's answers get the mix of everyone invited, so that groups in which other
people stay silent are not compared on that. What is not known of those who stayed silent can serve the first only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.methods.calibration_solver import Block, NotMet, Patterns, family, solve, solve_nearby
from cxstats.methods.replicates import Replicates, multinomial, part_jackknife
from cxstats.metrics import Metric
from cxstats.studies.extreme_response_bias.numbers import Fact

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["Answers", "Tables", "answers_of", "factors_of", "kind_of", "replicates_of", "tables"]

RARE = 0.05  # categories with a smaller share of the answers keep the share they have in each group
LEAST_ANSWERS = (
    10  # answers that every other category needs in a group for it to be weighted to the common mix
)
MOST_CATEGORIES = 30  # a fact with more says who somebody is, not what kind of customer
LEAK = 0.2  # a fact known so much more often of those who answered serves the mix, not who answered
LARGEST_EFFECT = 2.0  # design effect of the weights in a group from which on the answers left are too few
MOST = 0.5  # share of the other groups' answers that must be in groups made alike, for a fact to be used
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
    alike : per fact in use, which groups have answers enough to be weighted to the common mix of it, shape (G,).
    for_response : facts in use that are known of those who stayed silent too.
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
    alike: dict[str, np.ndarray]
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
    seen = _Seen(cells, place, category, tuple(labels), list(labels).index(reference), known)
    made = [_fact(survey, seen, name, asked=mix is None or name in mix) for name in names]
    keep = place >= 0
    used = [candidate for candidate in made if candidate.fact.used]
    replicates, how = replicates_of(cells[keep].reset_index(drop=True), n_replicates, seed)
    answers = Answers(
        cells[keep].reset_index(drop=True),
        tuple(labels),
        place[keep],
        category[keep],
        {candidate.fact.name: candidate.code[keep] for candidate in used},
        {candidate.fact.name: candidate.alike for candidate in used},
        tuple(candidate.fact.name for candidate in used if candidate.everyone),
        replicates,
        how,
        tuple(candidate.fact for candidate in made),
        known,
    )
    answers = _feasible(answers, seen.reference)
    refused = [fact for fact in answers.facts if mix is not None and fact.name in mix and not fact.used]
    if refused:
        raise ValueError("; ".join(f"groups cannot be made alike in {f.name!r}: {f.why}" for f in refused))
    return answers


@dataclass(frozen=True, slots=True)
class _Seen:
    """What facts are looked at in: cells, each one's group and answer, the groups, and whether the silent are known."""

    cells: pd.DataFrame
    place: np.ndarray
    category: np.ndarray
    labels: tuple[str, ...]
    reference: int
    known: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A fact, its category per cell, the groups that can be weighted to it, and whether the silent have it too."""

    fact: Fact
    code: np.ndarray
    alike: np.ndarray
    everyone: bool


def _feasible(answers: Answers, reference: int) -> Answers:
    """The answers with as many facts per group as weights of sensible size exist for; the thinnest facts go first."""
    held = answers.category >= 0
    mass = (answers.cells["n"] * answers.cells["base"]).to_numpy(dtype=float)
    alike = {name: mask.copy() for name, mask in answers.alike.items()}
    why: dict[str, str] = {}
    for g, label in enumerate(answers.labels):
        here = held & (answers.place == g)
        thin = {
            name: np.bincount(code[here], weights=mass[here], minlength=code.max() + 1)[1:].min()
            for name, code in answers.codes.items()
        }
        order = sorted((name for name in alike if alike[name][g]), key=lambda name: -thin[name])
        while order and (trouble := _trouble(answers, order, mass, here, label)):
            name = order.pop()
            alike[name][g] = False
            why.setdefault(name, trouble)
    size = np.bincount(answers.place[held], weights=mass[held], minlength=len(answers.labels))
    kept = [name for name, mask in alike.items() if mask[reference] and _mostly(mask, size, reference)]
    return replace(
        answers,
        codes={name: answers.codes[name] for name in kept},
        alike={name: alike[name] for name in kept},
        for_response=tuple(name for name in answers.for_response if name in kept),
        facts=tuple(_settled(fact, alike, kept, why, answers.labels) for fact in answers.facts),
    )


def _mostly(mask: np.ndarray, size: np.ndarray, reference: int) -> bool:
    """Whether the groups beside the reference that can be weighted hold most of their answers."""
    others = np.arange(len(size)) != reference
    return bool(size[others & mask].sum() >= MOST * size[others].sum())


def _settled(
    fact: Fact, alike: dict[str, np.ndarray], kept: Sequence[str], why: dict[str, str], labels: Sequence[str]
) -> Fact:
    if not fact.used:
        return fact
    if fact.name not in kept:
        return replace(fact, used=False, why=why.get(fact.name, "too few groups have answers enough"))
    return replace(fact, not_in=tuple(x for x, can in zip(labels, alike[fact.name], strict=True) if not can))


def _trouble(answers: Answers, names: Sequence[str], mass: np.ndarray, here: np.ndarray, label: str) -> str:
    """Why one group's answers cannot get the common mix of these facts; "" where they can."""
    for everyone in (False, True):
        if everyone and not answers.invited_known:
            continue
        target = _targets(answers, names, mass, everyone=everyone)
        codes = [answers.codes[name][here] for name in names]
        alike = [np.ones(1, dtype=bool)] * len(names)
        raking = Raking.of(np.zeros(here.sum(), dtype=int), codes, target, alike)
        own = np.bincount(raking.pattern, weights=mass[here], minlength=raking.size)
        try:
            factors, _ = raking.solve(own, None)
        except NotMet:
            return f"no weights give the answers in {label} the same mix of all facts together"
        if (own * factors**2).sum() * own.sum() > LARGEST_EFFECT * (own * factors).sum() ** 2:
            return f"weights to the same mix would leave too few of the answers in {label}"
    return ""


@dataclass(frozen=True, slots=True)
class Raking:
    """Weights that give every group the wanted shares of every fact, on distinct patterns of group and facts."""

    patterns: Patterns
    pattern: np.ndarray
    group: np.ndarray
    target: tuple[np.ndarray, ...]
    alike: tuple[np.ndarray, ...]

    @property
    def size(self) -> int:
        """Number of patterns."""
        return len(self.group)

    @classmethod
    def of(
        cls,
        place: np.ndarray,
        codes: Sequence[np.ndarray],
        target: Sequence[np.ndarray],
        alike: Sequence[np.ndarray],
    ) -> Raking:
        """The patterns that occur among these cells."""
        distinct, pattern = np.unique(np.stack([place, *codes]), axis=1, return_inverse=True)
        blocks = tuple(
            Block(len(mask) * len(share), code=distinct[0] * len(share) + row)
            for share, mask, row in zip(target, alike, distinct[1:], strict=True)
        )
        return cls(Patterns(blocks), pattern.ravel(), distinct[0], tuple(target), tuple(alike))

    def solve(self, mass: np.ndarray, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Factor of each pattern's weight, and the coefficients to start a similar problem from.

        Raises
        ------
        NotMet : there are no such weights.
        """
        found = solve(self.patterns, mass, self._totals(mass), family("raking", None), start=start)
        return found.factors, found.coefficients

    def solve_all(self, masses: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Factors (R, K) of replicates, masses (R, K), all at once; where there are no such weights the survey's own."""
        totals = np.stack([self._totals(mass) for mass in masses])
        factors, arrived = solve_nearby(self.patterns, masses, totals, family("raking", None), start)
        for left in np.flatnonzero(~arrived):
            try:
                factors[left] = self.solve(masses[left], start)[0]
            except NotMet:  # a replicate that lacks a category altogether
                factors[left] = np.exp(self.patterns.linear(start))
        return factors

    def _totals(self, mass: np.ndarray) -> np.ndarray:
        """What each margin has to come to, all margins in a row."""
        totals = []
        for block, share, mask in zip(self.patterns.blocks, self.target, self.alike, strict=True):
            own = np.bincount(block.code, weights=mass, minlength=block.size).reshape(len(mask), -1)
            # rare categories keep their share, and a group that is not weighted to this fact the mix it has
            wanted = np.hstack([own[:, :1], own[:, 1:].sum(axis=1, keepdims=True) * share[None, 1:]])
            totals.append(np.where(mask[:, None], wanted, own).ravel())
        return np.concatenate(totals)


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


def _fact(survey: Survey, seen: _Seen, name: str, *, asked: bool) -> _Candidate:
    """What becomes of one fact."""
    title = survey.group_labels[name]
    n = seen.cells["n"].to_numpy(dtype=float)
    label = seen.cells[name].fillna(NOT_KNOWN).to_numpy(dtype=object)
    here = (seen.category >= 0) & (seen.place >= 0)
    code, found = pd.factorize(label)
    size = np.bincount(code[here], weights=n[here], minlength=len(found))
    rare = size < max(RARE * size.sum(), LEAST_ANSWERS)
    merged = tuple(sorted(str(found[i]) for i in np.flatnonzero(rare)))
    # 0 for what is rare, or what only the silent have; the others from 1 on
    place_of = np.where(rare, 0, np.cumsum(~rare))
    code = place_of[code]
    n_categories = int((~rare).sum())
    counts = np.zeros((len(seen.labels), n_categories + 1))
    np.add.at(counts, (seen.place[here], code[here]), n[here])
    counts = counts[:, 1:]
    overlap = _overlap(counts, seen.reference)
    kind = kind_of(name, title)
    enough = counts.min(axis=1, initial=np.inf) >= LEAST_ANSWERS

    def left_out(why: str) -> _Candidate:
        return _Candidate(Fact(name, title, kind, False, why, overlap), code, enough, False)

    if not asked:
        return left_out("not asked for")
    if len(found) > MOST_CATEGORIES:
        return left_out(f"it has {len(found)} categories, more than {MOST_CATEGORIES}")
    if n_categories < 2:
        return left_out("only one of its categories has answers enough")
    if overlap < OVERLAP:
        return left_out("it goes with the groups: hardly any of its categories is found in two of them")
    if not enough[seen.reference] or not _mostly(enough, counts.sum(axis=1), seen.reference):
        # named after the largest group that lacks a category
        lacking = np.flatnonzero(~enough)
        g = seen.reference if not enough[seen.reference] else lacking[np.argmax(counts.sum(axis=1)[lacking])]
        worst = int(np.argmin(counts[g])) + 1
        which = _name_of(code, label, worst)
        return left_out(f"too few answers in {seen.labels[g]} for {which}")
    everyone = seen.known and not _leaks(label, seen.category, n)
    return _Candidate(Fact(name, title, kind, True, "", overlap, merged), code, enough, everyone)


def _name_of(code: np.ndarray, label: np.ndarray, which: int) -> str:
    return f"“{label[np.argmax(code == which)]}”"


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
    names = () if step == "raw" else tuple(answers.codes)
    raking = None
    if names:
        target = _targets(answers, names, counts * base, everyone=step == "answered")
        codes = [answers.codes[name][held] for name in names]
        raking = Raking.of(answers.place[held], codes, target, [answers.alike[name] for name in names])

    def masses(n: np.ndarray) -> np.ndarray:
        """Weight of each pattern in surveys of counts (S, cells), shape (S, patterns)."""
        return _summed((n * base)[:, held], raking.pattern, raking.size)

    own, again = counts[None], answers.replicates.counts.astype(float)
    if raking is None:
        plain = [_scaled(n, base, held, answers.place, at, shape) for n in (own, again)]
        return Tables(plain[0][0], plain[1])
    factors, start = raking.solve(masses(own)[0], None)
    found = []
    for n, own_factors in ((own, factors[None]), (again, raking.solve_all(masses(again), start))):
        weights = np.zeros(n.shape)
        weights[:, held] = base[held] * own_factors[:, raking.pattern]
        found.append(_scaled(n, weights, held, answers.place, at, shape))
    return Tables(found[0][0], found[1])


def _scaled(
    counts: np.ndarray,
    weight: np.ndarray,
    held: np.ndarray,
    place: np.ndarray,
    at: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """Weighted answers of S surveys (S, cells) per group and category, as many in all as there are: (S, G, K)."""
    flat = _summed((counts * weight)[:, held], at, shape[0] * shape[1]).reshape(-1, *shape)
    size, total = _summed(counts[:, held], place[held], shape[0]), flat.sum(axis=2)
    return flat * np.divide(size, total, out=np.zeros_like(total), where=total > 0)[:, :, None]


def _summed(mass: np.ndarray, where: np.ndarray, size: int) -> np.ndarray:
    """Sums of each row of ``mass`` (S, m) by place, shape (S, size)."""
    to = (where + size * np.arange(len(mass))[:, None]).ravel()
    return np.bincount(to, weights=mass.ravel(), minlength=size * len(mass)).reshape(len(mass), size)


def factors_of(answers: Answers, group: str, step: str) -> pd.DataFrame | None:
    """By what the weight of a row is multiplied at one step, for models that need rows.

    Returns
    -------
    A row per combination of the group and the facts held alike, as the survey writes them, with "factor"; None at the
    step "raw", or where nothing is held alike.
    """
    names = tuple(answers.codes)
    if step == "raw" or not names:
        return None
    held = answers.category >= 0
    mass = (answers.cells["n"] * answers.cells["base"]).to_numpy(dtype=float)
    target = _targets(answers, names, mass, everyone=step == "answered")
    codes = [answers.codes[name][held] for name in names]
    raking = Raking.of(answers.place[held], codes, target, [answers.alike[name] for name in names])
    factors, _ = raking.solve(np.bincount(raking.pattern, weights=mass[held], minlength=raking.size), None)
    made = answers.cells.loc[held, [group, *names]].assign(factor=factors[raking.pattern])
    return made.drop_duplicates([group, *names], ignore_index=True)


def _targets(answers: Answers, names: Sequence[str], mass: np.ndarray, *, everyone: bool) -> list[np.ndarray]:
    """Wanted share of each category of each fact among those that are not rare, over all groups; 0 for the rare.

    With ``everyone`` the mix of all who were invited, in facts that are known of them; in the others still that of all
    answers, so that this step undoes nothing of the one before.
    """
    shares = []
    for name in names:
        all_of_them = everyone and name in answers.for_response
        who = np.ones(len(mass), dtype=bool) if all_of_them else answers.category >= 0
        size = np.bincount(
            answers.codes[name][who], weights=mass[who], minlength=answers.codes[name].max() + 1
        )
        size[0] = 0.0
        shares.append(size / size.sum())
    return shares
