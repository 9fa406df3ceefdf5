"""What is known about everyone invited, made ready for a model: categories with enough customers in each.

A frame variable with a category of three customers, or with five thousand categories, cannot be estimated category
by category. Small ones are put together, many are cut to the largest, numbers are cut into bands; which ones is
decided by how many were *invited*, never by who answered, so that it does not choose the result. Whatever was done
is said in a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from cxstats.methods.clusters import require_columns
from cxstats.words import count, join_words, share

__all__ = ["NOT_KNOWN", "FrameVariable", "cross_classify", "frame_variables", "label_codes"]

NOT_KNOWN = "not known"
OTHERS = "others"

EXPECTED = 5
"""Answers, and people without an answer, that a category must lead one to expect at the overall rate (Cochran
1954's rule for expected counts); smaller categories are put together."""

MOST_CATEGORIES = 50
"""More categories than these of one variable are cut to the largest and the others together."""

BANDS = 10
"""A number with more than twice as many distinct values is cut into so many bands of about equal size."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameVariable:
    """A frame variable's categories as the model knows them.

    Attributes
    ----------
    name : the column.
    categories : labels of the model, the one with most invited first.
    place : for each label in the data, the number of its category.
    edges : upper ends of the bands of a number (all but the last band), or None.
    order : numbers of the categories in the order readers expect: the labels' own, "others" and "not known" last.
    """

    name: str
    categories: tuple[str, ...]
    place: dict[str, int] = field(repr=False)
    edges: np.ndarray | None = None
    order: tuple[int, ...] = ()

    def codes(self, column: pd.Series) -> np.ndarray:
        """Number of the category of each row, shape (R,).

        Raises
        ------
        ValueError : a label the model has never seen, where there are no "others" it could belong to.
        """
        code, names = label_codes(column) if self.edges is None else _band_codes(column, self.edges)
        fallback = next((i for i, name in enumerate(self.categories) if name.startswith(OTHERS)), -1)
        where = np.array([self.place.get(name, fallback) for name in names], dtype=int)
        if np.any(where[np.unique(code)] < 0):
            unknown = [name for name, spot in zip(names, where, strict=True) if spot < 0]
            raise ValueError(
                f"{self.name!r} holds {join_words([repr(name) for name in unknown[:3]])}, which none of the customers "
                "had that the model was fitted to"
            )
        return where[code]


def frame_variables(
    cells: pd.DataFrame,
    by: Sequence[str],
    mass: np.ndarray,
    answered: np.ndarray,
    *,
    expected: float = EXPECTED,
    most: int = MOST_CATEGORIES,
) -> tuple[tuple[FrameVariable, ...], list[np.ndarray], tuple[str, ...]]:
    """Categories of each frame variable, and what was done to get them.

    Parameters
    ----------
    cells : rows of customers invited. by : columns. mass : customers per row, shape (R,).
    answered : whether the row's customers answered, shape (R,), boolean.
    expected : answers and non-answers to be expected in a category at the overall rate.
    most : largest number of categories of one variable.

    Returns
    -------
    The variables that have at least two categories left; per variable the number of each row's category, shape (R,);
    and notes.

    Raises
    ------
    ValueError : a column does not exist, is named twice, or gives the answer away: it is known only of those who
        answered, or tells exactly who did.
    """
    by = [by] if isinstance(by, str) else list(by)
    if not by:
        raise ValueError("by must name at least one column that is known for everyone invited")
    require_columns(cells, by)
    if len(set(by)) < len(by):
        raise ValueError(f"by names a column twice: {by}")
    rate = float(mass[answered].sum() / mass.sum())
    smallest = expected / min(rate, 1 - rate)
    variables, codes, notes = [], [], []
    for name in by:
        _refuse_leak(cells[name], name, mass, answered)
        variable, code, said = _variable(cells[name], name, mass, smallest, most)
        notes += said
        if variable is not None:
            _refuse_exact(variable, code, mass, answered)
            variables.append(variable)
            codes.append(code)
    return tuple(variables), codes, tuple(notes)


def label_codes(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Numbers and labels of a column's categories, in their order; a missing one is "not known", the last.

    >>> code, names = label_codes(pd.Series(["b", None, "a"], dtype="string"))
    >>> code.tolist(), names
    ([1, 2, 0], ['a', 'b', 'not known'])
    """
    code, values = pd.factorize(column, sort=True)
    names = [str(value) for value in values]
    missing = code < 0
    if missing.any():
        if NOT_KNOWN in names:
            code = np.where(missing, names.index(NOT_KNOWN), code)
        else:
            code = np.where(missing, len(names), code)
            names.append(NOT_KNOWN)
    return code, names


def cross_classify(codes: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Cells of a cross-classification: the cell of each row, shape (R,), and the first row of each, shape (K,)."""
    code = np.column_stack(codes) if len(codes) else np.zeros((0, 0), dtype=int)
    sizes = code.max(axis=0, initial=0) + 1
    if np.prod(sizes.astype(float)) < 2**62:
        flat = np.ravel_multi_index(tuple(code.T), tuple(sizes))
        _, first, group = np.unique(flat, return_index=True, return_inverse=True)
    else:
        _, first, group = np.unique(code, axis=0, return_index=True, return_inverse=True)
    return group.ravel(), first


def _variable(
    column: pd.Series, name: str, mass: np.ndarray, smallest: float, most: int
) -> tuple[FrameVariable | None, np.ndarray, list[str]]:
    """The variable (None where it has fewer than two categories), each row's category, and notes."""
    notes, edges = [], None
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if number and column.nunique() > 2 * BANDS:
        edges = _band_edges(column, mass)
        notes.append(
            f"{name} is a number with {count(column.nunique())} values: it was cut into {len(edges) + 1} bands of "
            "about as many customers each."
            + (" Is it an identifier?" if pd.api.types.is_integer_dtype(column) and column.is_unique else "")
        )
    code, names = label_codes(column) if edges is None else _band_codes(column, edges)
    size = np.bincount(code, weights=mass, minlength=len(names))
    present = [i for i in range(len(names)) if size[i] > 0]
    order = sorted(present, key=lambda i: -size[i])
    keep = [i for i in order if size[i] >= smallest]
    if len(keep) > most:
        keep = keep[: most - 1]
    small = [i for i in order if i not in set(keep)]
    # the rest together must be large enough too: else the smallest that could stand alone joins it
    while small and keep and size[small].sum() < smallest:
        small.insert(0, keep.pop())
    place = {names[i]: spot for spot, i in enumerate(keep)}
    categories = [names[i] for i in keep]
    if small:
        label = names[small[0]] if len(small) == 1 else f"{OTHERS} ({len(small):,} categories)"
        place |= {names[i]: len(keep) for i in small}
        categories.append(label)
        if len(small) > 1:
            notes.append(_merged_note(name, [names[i] for i in small], size[small].sum(), len(present)))
    if len(categories) < 2:
        why = (
            "all customers are alike in it"
            if len(present) < 2
            else "its categories are too small to tell apart"
        )
        return None, code, [*notes, f"{name} was left out: {why}."]
    natural = [place[label] for label in names if label in place and size[names.index(label)] > 0]
    shown = [c for c in dict.fromkeys(natural) if not categories[c].startswith(OTHERS)]
    shown += [c for c in range(len(categories)) if c not in set(shown)]
    where = np.array([place.get(label, 0) for label in names], dtype=int)
    return FrameVariable(name, tuple(categories), place, edges, tuple(shown)), where[code], notes


def _merged_note(name: str, merged: list[str], size: float, of: int) -> str:
    which = f" ({join_words(merged)})" if len(merged) <= 4 else ""
    return (
        f"{name}: {count(len(merged))} of {count(of)} categories{which} hold too few customers to stand alone and "
        f"were put together as “{OTHERS}” ({count(size)} invited)."
    )


def _band_edges(column: pd.Series, mass: np.ndarray) -> np.ndarray:
    value = column.to_numpy(dtype=float, na_value=np.nan)
    known = np.isfinite(value) & (mass > 0)
    order = np.argsort(value[known], kind="stable")
    cumulated = np.cumsum(mass[known][order]) / mass[known].sum()
    cut = np.searchsorted(cumulated, np.arange(1, BANDS) / BANDS)
    edges = np.unique(value[known][order][cut])
    return edges[edges < value[known].max()]


def _band_codes(column: pd.Series, edges: np.ndarray) -> tuple[np.ndarray, list[str]]:
    value = column.to_numpy(dtype=float, na_value=np.nan)
    code = np.searchsorted(edges, value, side="left")
    text = [f"{edge:,.6g}" for edge in edges]
    names = [
        f"to {text[0]}",
        *[f"over {a} to {b}" for a, b in pairwise(text)],
        f"over {text[-1]}",
    ]
    missing = ~np.isfinite(value)
    if missing.any():
        code = np.where(missing, len(names), code)
        names.append(NOT_KNOWN)
    return code, names


def _refuse_leak(column: pd.Series, name: str, mass: np.ndarray, answered: np.ndarray) -> None:
    known = column.notna().to_numpy()
    silent = mass[~answered]
    if known.all() or not mass[known].sum() > 0:
        return
    if mass[known & ~answered].sum() == 0:
        raise ValueError(
            f"{name!r} is known for nobody of the {count(silent.sum())} who did not answer: it was filled in by the "
            "survey, and a model with it would only find out who answered. Take a column that the customer "
            "records hold for everyone invited"
        )


def _refuse_exact(variable: FrameVariable, code: np.ndarray, mass: np.ndarray, answered: np.ndarray) -> None:
    size = np.bincount(code, weights=mass, minlength=len(variable.categories))
    rate = np.bincount(code, weights=mass * answered, minlength=len(size)) / size
    if np.all((rate == 0) | (rate == 1)):
        everyone = [c for c, r in zip(variable.categories, rate, strict=True) if r == 1]
        raise ValueError(
            f"{variable.name!r} tells exactly who answered (everyone with {join_words(everyone[:3])}, nobody else): it "
            "follows from answering, or decides who could answer. Leave it out"
        )


def missing_note(column: pd.Series, name: str, mass: np.ndarray, answered: np.ndarray) -> str | None:
    """A warning where a fact is missing far more often among those who did not answer (or the other way round)."""
    missing = column.isna().to_numpy()
    if not missing.any():
        return None
    with_answer = mass[missing & answered].sum() / mass[answered].sum()
    without = mass[missing & ~answered].sum() / mass[~answered].sum()
    if abs(with_answer - without) < 0.2:
        return None
    return (
        f"{name} is not known for {share(without)} of those who did not answer and {share(with_answer)} of those who "
        "did: was it filled in by the survey?"
    )
