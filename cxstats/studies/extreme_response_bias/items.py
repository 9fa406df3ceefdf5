"""How groups use the scale whatever they are asked: style indices, spread in statements, style regressed out.

These need persons, so they read rows; the score's own range needs counts only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.methods.replicates import Replicates
from cxstats.methods.style_indices import items_by_scale, single_item_indices, style_indices
from cxstats.metrics import Scale
from cxstats.studies.extreme_response_bias import style
from cxstats.studies.extreme_response_bias.gaps import FEWEST, LEAST_CATEGORIES
from cxstats.studies.extreme_response_bias.numbers import Gap, Index, Items, Numbers

if TYPE_CHECKING:
    from cxstats.methods.style_indices import StyleIndices
    from cxstats.survey import Survey

__all__ = [
    "Battery",
    "answered_cells",
    "answered_rows",
    "battery",
    "spread_in_items",
    "stand_ins",
    "style_of",
]

LEAST_ITEMS = 2
PARTS = 64  # parts of the persons that the jackknife leaves out one at a time
# the indices a reader sees, in this order; the table has them all
SHOWN = (
    ("extreme", "Answers at either end"),
    ("midpoint", "Answers in the middle"),
    ("net_acquiescence", "Agreeing more than disagreeing"),
    ("extreme_top", "Answers at the top end"),
    ("extreme_bottom", "Answers at the bottom end"),
    ("acquiescence", "Answers above the middle"),
    ("disacquiescence", "Answers below the middle"),
    ("straight_lining", "The same answer to every statement"),
)
STAND_INS = ("extreme_top", "midpoint", "heaping_at_8", "extreme_bottom")


@dataclass(frozen=True, slots=True)
class Battery:
    """The statements that style is read from, and the persons who answered them.

    Attributes
    ----------
    rows : one row per answered questionnaire: statements, score, group, "customer" and "part" where known.
    items, labels, keyed, scale : the statements used, all on a scale of the same length.
    warnings : which were left out, and why.
    """

    rows: pd.DataFrame
    items: tuple[str, ...]
    labels: tuple[str, ...]
    keyed: dict[str, str]
    scale: dict[str, Scale]
    warnings: tuple[str, ...]


def battery(survey: Survey, numbers: Numbers) -> Battery | None:
    """The survey's statements, those left out that cannot serve; None where fewer than two are left."""
    if survey.description.rows_stay:  # a person's style shows in the row alone
        return None
    entries = {item.key: item for item in survey.description.items}
    warnings = []
    scored = {
        entry.column: name for name, entry in survey.description.scores.items() if entry.column is not None
    }
    own = [name for name, item in entries.items() if item.column in scored]
    if own:
        warnings.append(
            f"{_quoted(own)} {'is' if len(own) == 1 else 'are'} a satisfaction score, not a statement on another "
            "topic: left "
            "out, because its style could not be told from satisfaction."
        )
        entries = {name: item for name, item in entries.items() if name not in own}
    scales = {name: item.scale for name, item in entries.items() if item.scale is not None}
    by_scale = items_by_scale(scales)
    if len(by_scale) > 1:
        size = max(by_scale, key=lambda k: (len(by_scale[k]), k))
        gone = [name for k, names in by_scale.items() if k != size for name in names]
        warnings.append(
            f"Statements are on scales of different length; the {len(by_scale[size])} with {size} points are used, "
            f"{len(gone)} left out."
        )
        scales = {name: scales[name] for name in by_scale[size]}
    names = tuple(name for name in entries if name in scales)
    if len(names) < LEAST_ITEMS:
        return None
    rows = answered_rows(survey, numbers, [*names, numbers.metric.key])
    rows = rows[rows[list(names)].notna().any(axis=1)]
    # a group that hardly anybody of answered the statements is not shown by them either
    own = rows[numbers.settings.group].astype("string")
    sizes = own.value_counts()
    rows = rows[own.map(sizes).to_numpy(dtype=float) >= numbers.settings.smallest_group]
    if rows.empty:
        return None
    return Battery(
        rows.reset_index(drop=True),
        names,
        tuple(entries[name].label or name for name in names),
        {name: entries[name].keyed for name in names},
        {name: Scale(scales[name].low, scales[name].high) for name in names},
        tuple(warnings),
    )


def answered_rows(survey: Survey, numbers: Numbers, columns: list[str]) -> pd.DataFrame:
    """Rows of the groups shown and the waves reported on, with the customer and the jackknife's part where known."""
    group = numbers.settings.group
    wanted = [*columns, group]
    wanted += ["part", "customer"] if "part" in survey.columns else []
    wanted += [survey.wave] if numbers.settings.wave else []
    rows = survey.rows(wanted)
    if numbers.settings.wave:
        rows = rows[rows[survey.wave].astype("string").eq(numbers.settings.wave).fillna(False)]
    shown = [label for label, _, _ in numbers.groups]
    return rows[rows[group].astype("string").isin(shown)].reset_index(drop=True)


def answered_cells(survey: Survey, numbers: Numbers, outcome: str) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Cells of score, group and a later event, for the groups shown, and how customers repeat among them."""
    group, metric = numbers.settings.group, numbers.metric
    by = [metric.key, group, outcome] + ([survey.wave] if numbers.settings.wave else [])
    cells = survey.cells(by=by)
    shown = [label for label, _, _ in numbers.groups]
    keep = (cells[metric.key].notna() & cells[group].astype("string").isin(shown)).to_numpy(dtype=bool)
    if numbers.settings.wave:
        keep = keep & (
            cells[survey.wave].astype("string").eq(numbers.settings.wave).fillna(False).to_numpy(dtype=bool)
        )
    if not survey.repeats:
        return cells[keep].reset_index(drop=True), None
    at = np.flatnonzero(keep)
    matrix = survey.cluster_matrix(by=by, weighted=survey.weighted)[np.ix_(at, at)]
    return cells[keep].reset_index(drop=True), matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def _quoted(names: list[str]) -> str:
    from cxstats.words import join_words

    return join_words([f"“{name}”" for name in names])


def style_of(statements: Battery, numbers: Numbers) -> tuple[StyleIndices, Items]:
    """Style indices by group from statements."""
    repeated = "customer" in statements.rows.columns
    found = style_indices(
        statements.rows,
        list(statements.items),
        scale=statements.scale,
        keyed=statements.keyed,
        group=numbers.settings.group,
        customer="customer" if repeated else None,
        scores=[numbers.metric.key],
        level=numbers.settings.level,
        seed=numbers.settings.seed,
    )
    reliability = found.reliability.set_index("index")
    least = numbers.settings.smallest_group
    indices = []
    for key, name in SHOWN:
        table = found.of(key)
        # few enough persons to be recognised are not shown here either
        table = table[(table["why_not"] == "") & (table["n"] >= least)]
        if len(table) < 2:
            continue
        values = tuple(
            Index(str(row.group), 100 * row.value, 100 * row.low, 100 * row.high)
            for row in table.itertuples()
        )
        indices.append((key, name, values))
    return found, Items(
        n_items=found.n_items,
        balanced=found.balanced,
        indices=tuple(indices),
        reliability={key: float(reliability.loc[key, "alpha"]) for key, _, _ in indices},
        warnings=(*statements.warnings, *(_titled(text, statements) for text in found.warnings)),
        labels=statements.labels,
    )


def _titled(text: str, statements: Battery) -> str:
    """A method's sentence with the statements as readers know them."""
    labels = dict(zip(statements.items, statements.labels, strict=True))
    return re.sub(r"\w+", lambda word: labels.get(word[0], word[0]), text)


def stand_ins(numbers: Numbers, counts: dict[str, np.ndarray], worth: dict[str, float]) -> Items | None:
    """The score's own answers in place of statements: weaker, because they mix style with satisfaction."""
    found = single_item_indices(counts, numbers.metric, effective_n=worth, level=numbers.settings.level)
    indices = []
    for key in STAND_INS:
        table = found.table[found.table["index"] == key].dropna(subset=["value"])
        if len(table) < 2:
            continue
        values = tuple(
            Index(str(row.group), 100 * row.value, 100 * row.low, 100 * row.high)
            for row in table.itertuples()
        )
        indices.append((key, str(table["label"].iloc[0]), values))
    if not indices:
        return None
    return Items(
        n_items=1,
        balanced=False,
        indices=tuple(indices),
        reliability={},
        warnings=(
            "These shares come from the satisfaction question itself. A group has many answers at the top because "
            "it likes extremes, or because it is delighted: from one question the two cannot be told apart.",
        ),
        stand_in=True,
    )


def spread_in_items(
    statements: Battery, numbers: Numbers, labels: list[str]
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Log-spread of each group in the statements, against the first, averaged over statements.

    Returns
    -------
    Values, shape (G,), standard errors, shape (G,), and the degrees of freedom of the errors; NaN for a group that has
    too few answers to most statements. None where that is so of the first, or of all others.

    Notes
    -----
    A location–scale model per statement, so that what people think of its topic does not matter; a jackknife over parts
    of the persons for all statements together. A statement serves the groups that have answers enough to it, each
    compared with the first: one small group takes no statement from the others.
    """
    rows = statements.rows
    place = pd.Index(labels).get_indexer(rows[numbers.settings.group].astype("string"))
    part = _parts(rows, numbers.settings.seed)
    n_parts = int(part.max()) + 1
    if n_parts < 2:
        return None
    shape = (len(statements.items), len(labels))
    own, again = np.full(shape, np.nan), np.full((n_parts, *shape), np.nan)
    for k, name in enumerate(statements.items):
        scale = statements.scale[name]
        held = rows[name].notna().to_numpy() & (place >= 0)
        code = rows[name].fillna(scale.low).to_numpy(dtype=int) - scale.low
        counts = np.zeros((n_parts, len(labels), scale.size))
        np.add.at(counts, (part[held], place[held], code[held]), 1.0)
        table = counts.sum(axis=0)
        without = table - counts
        enough = (table.sum(axis=1) >= FEWEST) & ((without > 0).sum(axis=2) >= LEAST_CATEGORIES).all(axis=0)
        able = np.flatnonzero(enough)
        if not enough[0] or len(able) < 2:
            continue
        model, models = style.fit(table[able], without[:, able])
        if np.isfinite(models.log_scale).all():
            own[k, able], again[:, k, able] = model.log_scale, models.log_scale
    served = np.isfinite(own)
    few = served.sum(axis=0) < LEAST_ITEMS
    if few[0] or few[1:].all():
        return None
    share = np.where(served, 1.0, 0.0) / np.maximum(served.sum(axis=0), 1)
    value, values = (np.where(few, np.nan, (np.nan_to_num(x) * share).sum(axis=-2)) for x in (own, again))
    jackknife = Replicates(
        np.zeros((n_parts, 1)),
        (n_parts - 1) / n_parts,
        n_parts / (n_parts - 1),
        float(n_parts - 1),
        "jackknife",
    )
    error = np.sqrt(np.maximum(jackknife.variance(np.nan_to_num(values)), 0.0))
    return value, np.where(few, np.nan, error), float(n_parts - 1)


def _parts(rows: pd.DataFrame, seed: int) -> np.ndarray:
    """The jackknife part of every row; a customer's rows stay together."""
    if "part" in rows.columns:
        return np.unique(rows["part"].to_numpy(dtype=int), return_inverse=True)[1]
    return np.random.default_rng(seed).permutation(len(rows)) % min(PARTS, len(rows))


def with_ratios(numbers: Numbers, labels: list[str], value: np.ndarray, error: np.ndarray) -> Numbers:
    """The numbers with each group's spread in statements beside its spread in the score."""
    ratio = {
        label: Gap(*(float(np.exp(x)) for x in (v, v - numbers.critical * e, v + numbers.critical * e)))
        for label, v, e in zip(labels, value, error, strict=True)
        if np.isfinite(v)
    }
    rows = tuple(replace(row, items=ratio.get(row.label)) for row in numbers.spread.rows)
    return replace(numbers, spread=replace(numbers.spread, rows=rows))
