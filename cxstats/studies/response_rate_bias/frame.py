"""Who was invited, and what is known of them: which frame variables can be used, and the cells made from them.

Everything after this works on two small tables, made in one reduction of the rows: cells of frame variables by
score and ``answered`` (a usable answer to the score), with the jackknife's ``part`` and without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.cells import regroup
from cxstats.methods.frame_variables import frame_variables
from cxstats.words import join_words, number, share

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "MOST_CATEGORIES",
    "Frame",
    "LeftOut",
    "asked",
    "before_follow_up",
    "frame_of",
    "numeric_facts",
    "wave_cells",
]

MOST_CATEGORIES = 200  # a variable with more says who somebody is, not what kind of customer
LEAST_ANSWERS = 5  # answers without which a category cannot be stood for, in the survey less one part as well
EXPECTED = 10  # answers, and silent customers, to be expected in a category at the overall rate
PARTS = 64  # of the jackknife, as a survey with customers has them
BANDS = 5  # fifths of a number such as yearly revenue
SAME = 0.5  # share of a number's variation that a group explains from which on it says the same thing twice
NO_WAVE = 0.01  # share of invitations without a wave from which on those of a wave are not known
ONE_SIDED = 20  # customers with a fact that nobody on the other side has, which is then no chance
LEAK = 0.2  # a fact known more often of those who answered, by this share of customers, gives the answer away
ANSWERED = "_gave"  # column of the cells: gave a usable answer; no score or group can be called that
NOT_KNOWN, OTHER = "not known", "other"
VALUE = "value"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A frame variable that is not used, and why."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Everyone invited, as counts.

    Attributes
    ----------
    cells : a row per combination of the variables, the score and ``answered``; ``n`` customers (weighted surveys:
        ``w`` and ``w2`` too).
    parts : the same split by ``part`` as well; without a customer column invitations are dealt to parts at random.
    outcomes : a row per combination of the variables, ``answered`` and every outcome; by ``part`` too where customers
        repeat.
    titles : readers' name of each variable in use.
    left_out : variables that are not used, and why.
    notes : what was put together, in sentences.
    wave : the wave reported on; "" where there are none, or where those of all waves are taken together.
    waves_known : whether the invitations of each wave are known.
    repeated : whether a customer was invited more than once in what is reported on.
    """

    cells: pd.DataFrame
    parts: pd.DataFrame
    outcomes: pd.DataFrame
    titles: dict[str, str]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    wave: str
    waves_known: bool
    repeated: bool = False

    @property
    def by(self) -> list[str]:
        """Names of the variables in use."""
        return list(self.titles)

    @property
    def n_invited(self) -> int:
        """Customers invited."""
        return int(self.cells["n"].sum())

    @property
    def n_answered(self) -> int:
        """Customers with a usable answer."""
        return int(self.cells.loc[self.cells[ANSWERED], "n"].sum())


def numeric_facts(survey: Survey) -> dict[str, str]:
    """Numbers known for everyone invited, with their readers' names: behaviour, and the customer's value."""
    described = survey.description
    if getattr(described, "rows_stay", False):  # bands of a number are cut by looking at each
        return {}
    behaviour = getattr(described, "behaviour", {}) or {}
    found = {name: entry.label or name.replace("_", " ").capitalize() for name, entry in behaviour.items()}
    if described.value is not None:
        found[VALUE] = getattr(described.value, "label", None) or "Customer value"
    return found


def frame_of(
    survey: Survey,
    *,
    score: str,
    variables: Sequence[str] | None,
    wave: str | None,
    seed: int = 0,
    smallest_group: int = LEAST_ANSWERS,
) -> Frame:
    """The invited customers of one wave, by every frame variable that can be used.

    Categories with fewer than ``smallest_group`` answers are put together: balance and partial indicators show every
    category in use, and none with fewer answers may be shown.

    Raises
    ------
    ValueError : a variable asked for by name cannot be used (known only for those who answered, or it has too
        many categories); the survey has no such variable or wave.
    """
    label, known = _wave(survey, score, wave)
    chosen, left_out = _variables(survey, score, variables, label)
    repeated = _repeats(survey, score, label)
    counted = _counted(survey, score, chosen, label, keep=variables is not None, seed=seed, repeated=repeated)
    left_out += counted.left_out
    chosen = [name for name in chosen if name in counted.parts.columns]
    titles = {**survey.group_labels, **numeric_facts(survey)}
    recode, notes, gone = _categories(
        counted.parts, chosen, titles, max(smallest_group, LEAST_ANSWERS), keep=variables is not None
    )
    used = [name for name in chosen if name in recode]
    columns = [*used, score, ANSWERED]
    # recoding is done on the few cells, not on the rows
    parts = regroup(_recoded(counted.parts, recode), by=[*columns, "part"])
    return Frame(
        cells=_plain(regroup(parts, by=columns)),
        parts=_plain(parts),
        outcomes=_plain(
            regroup(
                _recoded(counted.outcomes, recode),
                by=[
                    *used,
                    ANSWERED,
                    *survey.outcomes,
                    *(["part"] if "part" in counted.outcomes.columns else []),
                ],
            )
        ),
        titles={name: titles[name] for name in used},
        left_out=(*left_out, *gone),
        notes=(*notes, *counted.notes),
        wave=label,
        waves_known=known,
        repeated=repeated,
    )


def _repeats(survey: Survey, score: str, wave: str) -> bool:
    """Whether a customer was invited more than once in this wave ("" for all waves)."""
    if not survey.repeats:
        return False
    by = [score, *([survey.wave] if wave else [])]
    cells, matrix = survey.cells(by), survey.cluster_matrix(by)
    at = np.flatnonzero(_of_wave(cells[survey.wave], wave)) if wave else np.arange(len(cells))
    block = matrix[np.ix_(at, at)]
    block = block if isinstance(block, np.ndarray) else block.toarray()
    return not np.allclose(block, np.diag(cells["n"].to_numpy(dtype=float)[at]))


def _recoded(cells: pd.DataFrame, recode: dict[str, dict[str, str]]) -> pd.DataFrame:
    changed = {name: cells[name].map(labels).astype("string") for name, labels in recode.items()}
    return cells.assign(**changed)


def wave_cells(survey: Survey, by: Sequence[str], wave: str) -> pd.DataFrame:
    """Cells of one wave ("" for all), without the wave's column."""
    names = list(dict.fromkeys(by))
    if not wave:
        return survey.cells(names)
    cells = survey.cells([*names, survey.wave])
    return cells[_of_wave(cells[survey.wave], wave)].drop(columns=survey.wave).reset_index(drop=True)


def _of_wave(column: pd.Series, wave: str) -> np.ndarray:
    return column.astype("string").eq(wave).fillna(False).to_numpy(dtype=bool)


def _plain(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.assign(**{ANSWERED: cells[ANSWERED].astype(bool)})


def _wave(survey: Survey, score: str, wanted: str | None) -> tuple[str, bool]:
    """The wave to report on and whether it is known who was invited in it; the latest with answers by default."""
    order = survey.wave_order
    if wanted is not None and wanted not in order:
        raise ValueError(f"there is no wave {wanted!r}; the survey has {', '.join(order) or 'none'}")
    if survey.wave is None:
        return "", True
    cells = survey.cells([score, survey.wave])
    nowhere = cells.loc[cells[survey.wave].isna(), "n"].sum()
    known = bool(nowhere <= NO_WAVE * cells["n"].sum())
    if wanted is not None:
        return wanted, known
    held = set(cells.dropna(subset=[score])[survey.wave].dropna())
    latest = next((wave for wave in reversed(order) if wave in held), "")
    # where the wave is recorded with the answer only, nobody knows which wave the silent were invited in
    return (latest, True) if known else ("", False)


def _variables(
    survey: Survey, score: str, wanted: Sequence[str] | None, wave: str
) -> tuple[list[str], list[LeftOut]]:
    """Variables to use, and those that cannot be; one asked for by name that cannot be is refused."""
    numbers = numeric_facts(survey)
    there = [*(name for name in survey.groups if name != survey.wave), *numbers]
    names = there if wanted is None else list(dict.fromkeys(wanted))
    unknown = [name for name in names if name not in there]
    if unknown:
        raise ValueError(
            f"variables names {', '.join(map(repr, unknown))}, but what the survey knows of everyone is "
            f"{', '.join(there) or 'nothing'}"
        )
    titles = {**survey.group_labels, **numbers}
    chosen, left_out = [], []
    for name in names:
        reason = _unusable(survey, name, score, wave) if name not in numbers else ""
        if reason and wanted is not None:
            raise ValueError(f"the variable {name!r} cannot be used: {reason}")
        if reason:
            left_out.append(LeftOut(titles[name], reason))
        else:
            chosen.append(name)
    return chosen, left_out


def _unusable(survey: Survey, name: str, score: str, wave: str) -> str:
    """Why a group cannot be used; "" where it can."""
    if name in (getattr(survey, "instruments", None) or ()):
        return "the company set it at random (an instrument): it is no fact of the customer"
    cells = wave_cells(survey, [name, score], wave)
    answered, missing = cells[score].notna().to_numpy(dtype=bool), cells[name].isna().to_numpy(dtype=bool)
    n = cells["n"].to_numpy(dtype=float)
    categories = cells[name].nunique(dropna=True) + bool(n[missing].sum())
    if categories > MOST_CATEGORIES:
        return (
            f"it has {categories:,} categories, and at most {MOST_CATEGORIES} can be used: group them into kinds "
            "of customer"
        )
    if categories < 2:
        return "it is the same for everyone"
    labels = cells[name].astype("string").fillna(NOT_KNOWN).to_numpy()
    if n.sum() >= ONE_SIDED and _tells_all(labels, n, answered):
        return "each of its categories holds only customers who answered, or only such who did not: it gives the answer away"
    return _leak(n, answered, missing)


def _leak(n: np.ndarray, answered: np.ndarray, missing: np.ndarray) -> str:
    """A fact known because somebody answered gives the answer away."""
    if not n[answered].sum() or not n[~answered].sum():
        return ""
    gone = n[answered & missing].sum() / n[answered].sum()
    gone_silent = n[~answered & missing].sum() / n[~answered].sum()
    # known for nobody on one side: however few know it on the other, it was learned from who answered
    one_sided = max(gone, gone_silent) == 1 and n[~missing].sum() >= ONE_SIDED
    if abs(gone_silent - gone) <= LEAK and not one_sided:
        return ""
    return (
        f"it is not known for {share(gone_silent)} of those who did not answer, and for {share(gone)} of those who "
        "did: knowing it gives the answer away. Take it from the customer list, not from the answers"
    )


def _tells_all(labels: np.ndarray, n: np.ndarray, answered: np.ndarray) -> bool:
    """Whether every category holds only customers who answered, or only such who did not."""
    codes = pd.factorize(labels)[0]
    gave = np.bincount(codes, weights=n * answered)
    silent = np.bincount(codes, weights=n * ~answered)
    return bool(gave.sum() and silent.sum() and not ((gave > 0) & (silent > 0)).any())


@dataclass(frozen=True, slots=True)
class _Counted:
    """The one reduction: cells with parts, cells with outcomes, and what was done to numbers."""

    parts: pd.DataFrame
    outcomes: pd.DataFrame
    notes: list[str]
    left_out: list[LeftOut]


def _counted(
    survey: Survey, score: str, chosen: list[str], wave: str, *, keep: bool, seed: int, repeated: bool
) -> _Counted:
    """Cells by the chosen variables; numbers are cut into fifths, which needs the rows."""
    numbers = numeric_facts(survey)
    wanted = [name for name in chosen if name in numbers]
    groups = [name for name in chosen if name not in numbers]
    held = [name for name in ("invited", "follow_up") if name in survey.columns]
    has_part = "part" in survey.columns
    parts = ["part"] if has_part and repeated else []
    if not wanted and (has_part or not survey.weighted):
        cells = asked(wave_cells(survey, [score, *groups, *(["part"] if has_part else []), *held], wave))
        cells = before_follow_up(cells if has_part else _dealt(cells, seed), score)
        outcomes = asked(wave_cells(survey, [score, *groups, *survey.outcomes, *parts, *held], wave))
        outcomes = before_follow_up(outcomes, score)
        return _Counted(_labelled(cells, score, groups), _labelled(outcomes, score, groups), [], [])
    columns = [score, *groups, *survey.outcomes, *wanted, *(["part"] if has_part else []), *held]
    columns += [*(["weight"] if survey.weighted else []), *([survey.wave] if wave else [])]
    rows = survey.rows(list(dict.fromkeys(columns)))
    if wave:
        rows = rows[_of_wave(rows[survey.wave], wave)].drop(columns=survey.wave)
    rows = before_follow_up(asked(rows), score)
    if not has_part:
        rows["part"] = np.random.default_rng(seed).integers(0, PARTS, len(rows))
    notes, left_out, bands = [], [], []
    for name in wanted:
        value = rows[name].to_numpy(dtype=float, na_value=np.nan)
        if reason := _number_unusable(value, rows, score):
            if keep:
                raise ValueError(f"the variable {name!r} cannot be used: {reason}")
            left_out.append(LeftOut(numbers[name], reason))
        elif not keep and (same := _said_by(value, rows, groups)):
            group = survey.group_labels[same]
            notes.append(
                f"{numbers[name]} says what “{group}” says, and was not used as well."
                if numbers[name] != group
                else f"“{group}” was used in its categories; the number behind it was not used as well."
            )
        else:
            rows[name] = _fifths(value)
            bands.append(name)
            notes.append(f"{numbers[name]} was cut into {BANDS} bands with about as many customers each.")
    by = [*groups, *bands]
    return _Counted(
        _labelled(_grouped(rows, [score, *by, "part"]), score, by),
        _labelled(_grouped(rows, [score, *by, *survey.outcomes, *parts]), score, by),
        notes,
        left_out,
    )


def asked(cells: pd.DataFrame) -> pd.DataFrame:
    """Without customers who were never invited, where the list holds such."""
    if "invited" not in cells.columns:
        return cells
    asked = cells["invited"].fillna(False).to_numpy(dtype=bool)
    return cells[asked].drop(columns="invited").reset_index(drop=True)


def before_follow_up(cells: pd.DataFrame, score: str) -> pd.DataFrame:
    """First answers only: those of a follow-up, drawn among the silent, are not what was published."""
    if "follow_up" not in cells.columns:
        return cells
    later = cells["follow_up"].fillna(False).to_numpy(dtype=bool)
    # whoever was followed up had not completed the first invitation, whatever the row says by now
    gone = {name: cells[name].mask(later) for name in (score, "completed") if name in cells.columns}
    return cells.assign(**gone).drop(columns="follow_up")


def _labelled(cells: pd.DataFrame, score: str, by: list[str]) -> pd.DataFrame:
    labels = {name: cells[name].astype("string").fillna(NOT_KNOWN) for name in by}
    return cells.assign(**{ANSWERED: cells[score].notna().to_numpy(dtype=bool)}, **labels)


def _grouped(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    grouped = rows.groupby(by, dropna=False, observed=True, sort=True)
    if "weight" not in rows.columns:
        return grouped.size().rename("n").reset_index()
    w = rows["weight"].astype(float)
    return (
        rows.assign(n=1, w=w, w2=w**2)
        .groupby(by, dropna=False, observed=True)[["n", "w", "w2"]]
        .sum()
        .reset_index()
    )


def _dealt(cells: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Invitations without a customer dealt to parts at random: each counts as another customer."""
    n = cells["n"].to_numpy(dtype=np.int64)
    dealt = np.random.default_rng(seed).multinomial(n, np.full(PARTS, 1 / PARTS))
    row, part = np.nonzero(dealt)
    return cells.iloc[row].reset_index(drop=True).assign(part=part, n=dealt[row, part])


def _number_unusable(value: np.ndarray, rows: pd.DataFrame, score: str) -> str:
    """Why a number cannot be used; "" where it can."""
    known = np.isfinite(value)
    if len(np.unique(value[known])) < 2:
        return "it is the same for everyone"
    return _leak(np.ones(len(rows)), rows[score].notna().to_numpy(dtype=bool), ~known)


def _said_by(value: np.ndarray, rows: pd.DataFrame, groups: list[str]) -> str | None:
    """The group that explains most of a number's ranks already, if one does."""
    known = np.isfinite(value)
    rank = pd.Series(value[known]).rank().to_numpy()
    for name in groups:
        label = rows[name].astype("string").fillna(NOT_KNOWN).to_numpy()[known]
        if pd.Series(rank).groupby(label).transform("mean").to_numpy().var() > SAME * rank.var():
            return name
    return None


def _fifths(value: np.ndarray) -> pd.Series:
    """Bands with about as many customers each, named by their ends."""
    known = value[np.isfinite(value)]
    edges = np.unique(np.quantile(known, np.arange(1, BANDS) / BANDS))
    whole = bool((known == np.round(known)).all())
    if whole:
        edges = np.unique(np.floor(edges))  # up to 16.4 months is up to 16
    edges = edges[(edges < known.max())]
    digits = 0 if whole or np.ptp(known) > 20 else 2
    ends = [number(edge, digits) for edge in edges]
    between = (
        # a count of 1 is "1", not "0 to 1"
        [number(b) if b == a + 1 else f"{number(a + 1)} to {number(b)}" for a, b in pairwise(edges)]
        if whole
        else [f"{a} to {b}" for a, b in pairwise(ends)]
    )
    names = [f"up to {ends[0]}", *between, f"over {ends[-1]}"]
    code = np.where(np.isfinite(value), np.searchsorted(edges, value, side="left"), -1)
    return pd.array(np.array([*names, None], dtype=object)[code], dtype="string")


def _categories(
    cells: pd.DataFrame, chosen: list[str], titles: dict[str, str], least: int, *, keep: bool
) -> tuple[dict[str, dict[str, str]], list[str], list[LeftOut]]:
    """New label of every label with small categories put together, sentences on it, and variables left with one."""
    recode: dict[str, dict[str, str]] = {}
    notes: list[str] = []
    left_out: list[LeftOut] = []
    for name in chosen:
        counts = cells.groupby([name, ANSWERED], observed=True, as_index=False)["n"].sum()
        n, answered = counts["n"].to_numpy(dtype=float), counts[ANSWERED].to_numpy(dtype=bool)
        if not n[answered].sum() > 0 or not n[~answered].sum() > 0:
            continue
        try:
            found, codes, said = frame_variables(counts, [name], n, answered, expected=EXPECTED)
        except ValueError as error:  # it tells exactly who answered
            if keep:
                raise
            left_out.append(LeftOut(titles[name], f"{error}"))
            continue
        if not found:
            left_out.append(LeftOut(titles[name], "its categories are too small to tell apart"))
            continue
        labels = np.array(found[0].categories, dtype=object)[codes[0]]
        notes += [text.replace(name, titles[name], 1) for text in said]
        labels, merged = _answered_enough(labels, n * answered, least)
        if merged:
            notes.append(
                f"{titles[name]}: {join_words(merged)} had fewer than {least} answers and were put together."
            )
        if len(set(labels)) < 2:
            left_out.append(LeftOut(titles[name], "only one of its categories has answers enough"))
            continue
        recode[name] = dict(zip(counts[name], labels, strict=True))
    return recode, notes, left_out


def _answered_enough(labels: np.ndarray, answers: np.ndarray, least: int) -> tuple[np.ndarray, list[str]]:
    """A category that hardly anybody answered in joins the next smallest: nobody could stand for it."""
    n = pd.Series(answers).groupby(labels).sum().sort_values(kind="stable")
    small = list(n.index[(n < least).to_numpy()])
    rest = [label for label in n.index if label not in small]
    while small and rest and n[small].sum() < least:
        small.append(rest.pop(0))
    if len(small) < 2:
        return labels, []
    name = OTHER if OTHER not in rest else f"{OTHER} (put together)"
    return np.where(pd.Series(labels).isin(small).to_numpy(), name, labels), sorted(map(str, small))
