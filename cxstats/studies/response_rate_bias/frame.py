"""Who was invited, and what is known of them: which frame variables can be used, and the cells made from them.

Everything after this works on two small tables, made in one reduction of the rows: cells of frame variables by
score and ``answered`` (a usable answer to the score), with the jackknife's ``part`` and without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.cells import regroup
from cxstats.methods.frame_variables import frame_variables
from cxstats.words import join_words, number, share

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["MOST_CATEGORIES", "Frame", "LeftOut", "frame_of", "numeric_facts", "wave_cells"]

MOST_CATEGORIES = 200  # a variable with more says who somebody is, not what kind of customer
LEAST_ANSWERS = 5  # answers without which a category cannot be stood for, in the survey less one part as well
EXPECTED = 10  # answers, and silent customers, to be expected in a category at the overall rate
BANDS = 5  # fifths of a number such as yearly revenue
SAME = 0.5  # share of a number's variation that a group explains from which on it says the same thing twice
NO_WAVE = 0.01  # share of invitations without a wave from which on those of a wave are not known
LEAK = 0.2  # a fact known more often of those who answered, by this share of customers, gives the answer away
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
    parts : the same split by ``part`` as well; None where the survey has no customer column.
    titles : readers' name of each variable in use.
    left_out : variables that are not used, and why.
    notes : what was put together, in sentences.
    wave : the wave reported on; "" where there are none, or where those of all waves are taken together.
    waves_known : whether the invitations of each wave are known.
    """

    cells: pd.DataFrame
    parts: pd.DataFrame | None
    titles: dict[str, str]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    wave: str
    waves_known: bool

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
        return int(self.cells.loc[self.cells["answered"], "n"].sum())

    @property
    def full(self) -> pd.DataFrame:
        """The finest cells there are."""
        return self.cells if self.parts is None else self.parts


def numeric_facts(survey: Survey) -> dict[str, str]:
    """Numbers known for everyone invited, with their readers' names: behaviour, and the customer's value."""
    described = survey.description
    behaviour = getattr(described, "behaviour", {}) or {}
    found = {name: entry.label or name.replace("_", " ").capitalize() for name, entry in behaviour.items()}
    if described.value is not None:
        found[VALUE] = getattr(described.value, "label", None) or "Customer value"
    return found


def frame_of(survey: Survey, *, score: str, variables: Sequence[str] | None, wave: str | None) -> Frame:
    """The invited customers of one wave, by every frame variable that can be used.

    Raises
    ------
    ValueError : a variable asked for by name cannot be used (known only for those who answered, or it has too
        many categories); the survey has no such variable or wave.
    """
    label, known = _wave(survey, score, wave)
    chosen, left_out = _variables(survey, score, variables, label)
    cells, bands, repeated = _counted(survey, score, chosen, label, keep=variables is not None)
    left_out += repeated
    chosen = [name for name in chosen if name in cells.columns]
    cells["answered"] = cells[score].notna().to_numpy(dtype=bool)
    titles = {**survey.group_labels, **numeric_facts(survey)}
    recode, notes, gone = _categories(cells, chosen, titles)
    left_out += gone
    used = [name for name in chosen if name in recode]
    part = ["part"] if "part" in cells.columns else []
    # recoding is done on the few cells, not on the rows
    full = regroup(cells, recode, by=[*used, score, "answered", *part])
    together = regroup(full, by=[*used, score, "answered"]) if part else full
    return Frame(
        cells=_plain(together),
        parts=_plain(full) if part else None,
        titles={name: titles[name] for name in used},
        left_out=tuple(left_out),
        notes=(*notes, *bands),
        wave=label,
        waves_known=known,
    )


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
    return cells.assign(answered=cells["answered"].astype(bool))


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
            f"it has {categories:,} categories, and at most {MOST_CATEGORIES} can be used: group them into kinds of "
            "customer"
        )
    if categories < 2:
        return "it is the same for everyone"
    return _leak(n, answered, missing)


def _leak(n: np.ndarray, answered: np.ndarray, missing: np.ndarray) -> str:
    """A fact known because somebody answered gives the answer away."""
    if not n[answered].sum() or not n[~answered].sum():
        return ""
    gone = n[answered & missing].sum() / n[answered].sum()
    gone_silent = n[~answered & missing].sum() / n[~answered].sum()
    if gone_silent - gone <= LEAK:
        return ""
    return (
        f"it is not known for {share(gone_silent)} of those who did not answer, but for {share(gone)} of those who did: "
        "knowing it gives the answer away. Take it from the customer list, not from the answers"
    )


def _counted(
    survey: Survey, score: str, chosen: list[str], wave: str, *, keep: bool
) -> tuple[pd.DataFrame, list[str], list[LeftOut]]:
    """Cells by the chosen variables; numbers are cut into fifths, which needs the rows."""
    numbers = numeric_facts(survey)
    wanted = [name for name in chosen if name in numbers]
    part = ["part"] if "part" in survey.columns else []
    groups = [name for name in chosen if name not in numbers]
    if not wanted:
        return wave_cells(survey, [score, *groups, *part], wave), [], []
    weight = ["weight"] if survey.weighted else []
    columns = [score, *groups, *part, *weight, *wanted, *([survey.wave] if wave else [])]
    rows = survey.rows(columns)
    if wave:
        rows = rows[_of_wave(rows[survey.wave], wave)].drop(columns=survey.wave)
    notes, left_out, bands = [], [], []
    for name in wanted:
        value = rows[name].to_numpy(dtype=float, na_value=np.nan)
        reason = _number_unusable(value, rows, groups, score, survey.group_labels, told=not keep)
        if reason and keep:
            raise ValueError(f"the variable {name!r} cannot be used: {reason}")
        if reason:
            left_out.append(LeftOut(numbers[name], reason))
            continue
        rows[name] = _fifths(value)
        bands.append(name)
        notes.append(f"{numbers[name]} was cut into {BANDS} bands with about as many customers each.")
    by = [score, *groups, *bands, *part]
    if weight:
        w = rows["weight"].to_numpy(dtype=float)
        rows = rows.assign(w=w, w2=w**2, n=1)
        cells = rows.groupby(by, dropna=False, observed=True, sort=True)[["n", "w", "w2"]].sum().reset_index()
    else:
        cells = rows.groupby(by, dropna=False, observed=True, sort=True).size().rename("n").reset_index()
    return cells, notes, left_out


def _number_unusable(
    value: np.ndarray,
    rows: pd.DataFrame,
    groups: list[str],
    score: str,
    titles: dict[str, str],
    *,
    told: bool,
) -> str:
    """Why a number cannot be used; with ``told``, also where a group says the same already."""
    known = np.isfinite(value)
    if len(np.unique(value[known])) < 2:
        return "it is the same for everyone"
    if reason := _leak(np.ones(len(rows)), rows[score].notna().to_numpy(dtype=bool), ~known):
        return reason
    if not told:
        return ""
    rank = pd.Series(value[known]).rank().to_numpy()
    spread = rank.var()
    for name in groups:
        label = rows[name].astype("string").fillna(NOT_KNOWN).to_numpy()[known]
        mean = pd.Series(rank).groupby(label).transform("mean").to_numpy()
        if mean.var() > SAME * spread:
            return f"“{titles[name]}” says the same already"
    return ""


def _fifths(value: np.ndarray) -> pd.Series:
    """Bands with about as many customers each, named by their ends."""
    known = value[np.isfinite(value)]
    edges = np.unique(np.quantile(known, np.arange(1, BANDS) / BANDS))
    edges = edges[(edges < known.max())]
    digits = 0 if np.ptp(known) > 20 else 2
    ends = [number(edge, digits) for edge in edges]
    names = [
        f"up to {ends[0]}",
        *[f"{a} to {b}" for a, b in zip(ends[:-1], ends[1:], strict=True)],
        f"over {ends[-1]}",
    ]
    code = np.where(np.isfinite(value), np.searchsorted(edges, value, side="left"), -1)
    return pd.array(np.array([*names, None], dtype=object)[code], dtype="string")


def _categories(
    cells: pd.DataFrame, chosen: list[str], titles: dict[str, str]
) -> tuple[dict[str, pd.Series], list[str], list[LeftOut]]:
    """Labels of every cell with small categories put together, sentences on it, and variables left with one."""
    n, answered = cells["n"].to_numpy(dtype=float), cells["answered"].to_numpy(dtype=bool)
    recode: dict[str, pd.Series] = {}
    notes: list[str] = []
    left_out: list[LeftOut] = []
    both = n[answered].sum() > 0 and n[~answered].sum() > 0
    for name in chosen:
        found, said = frame_variables(cells, [name], n, answered, expected=EXPECTED) if both else ((), ())
        if not found:
            left_out.append(LeftOut(titles[name], "its categories are too small to tell apart"))
            continue
        codes = found[0].codes(cells[name])
        labels = np.array(found[0].categories, dtype=object)[codes]
        notes += [text.replace(name, titles[name], 1) for text in said]
        labels, merged = _answered_enough(labels, n * answered)
        if merged:
            notes.append(
                f"{titles[name]}: {join_words(merged)} had fewer than {LEAST_ANSWERS} answers and were put together."
            )
        if len(set(labels)) < 2:
            left_out.append(LeftOut(titles[name], "only one of its categories has answers enough"))
            continue
        recode[name] = pd.Series(labels, dtype="string")
    return recode, notes, left_out


def _answered_enough(labels: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """A category that hardly anybody answered in joins the next smallest: nobody could stand for it."""
    n = pd.Series(answers).groupby(labels).sum().sort_values(kind="stable")
    small = list(n.index[(n < LEAST_ANSWERS).to_numpy()])
    rest = [label for label in n.index if label not in small]
    while small and rest and n[small].sum() < LEAST_ANSWERS:
        small.append(rest.pop(0))
    if len(small) < 2:
        return labels, []
    name = OTHER if OTHER not in rest else f"{OTHER} (put together)"
    return np.where(pd.Series(labels).isin(small).to_numpy(), name, labels), sorted(map(str, small))
