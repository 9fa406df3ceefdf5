"""Data with one row per hospital, store or branch: what goes with what between units, which is not between customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.methods.predictors import predictor_block
from cxstats.studies.predictive_validity.numbers import Settings, Triple, Units

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["LEAST_UNITS", "measure_units"]

LEAST_UNITS = 60
PARTS, FOLDS, FIFTHS = 64, 8, 5
STEP = 10.0  # points of score, for the slope


def measure_units(survey: Survey, chosen: Settings) -> Units:
    """Outcome by score between units, adjusted for what is known of them.

    Raises
    ------
    ValueError : fewer than 60 units have score and outcome, or the outcome is the same for all.

    Notes
    -----
    Slopes by least squares with heteroskedasticity-robust errors (HC3: MacKinnon & White 1985), every unit counted
    once. Spearman's correlation with the interval of Bonett & Wright (2000). The share of variance is cross-fitted over
    eight folds of 64 parts, its gain with the delete-a-part jackknife.
    """
    metric = next(iter(survey.metrics.values()))
    table = survey.units
    known = table.dropna(subset=[chosen.outcome, "score"]).reset_index(drop=True)
    noun = survey.description.units.called
    if len(known) < LEAST_UNITS:
        raise ValueError(
            f"{len(known)} {noun} have both a score and an outcome; at least {LEAST_UNITS} are needed"
        )
    outcome = known[chosen.outcome].to_numpy(dtype=float)
    score = known["score"].to_numpy(dtype=float)
    if np.ptp(outcome) == 0 or np.ptp(score) == 0:
        raise ValueError(f"the outcome, or the score, is the same for all {len(known)} {noun}")
    design, adjusted = _known(survey, known, chosen)
    level = chosen.level
    slope = _slope(outcome, np.column_stack([score / STEP, design]), level)
    share, gain = _explained(outcome, score, design, level)
    labels = survey.group_labels
    others = []
    for name in survey.outcomes:
        pair = table[[name, "score"]].dropna().to_numpy(dtype=float)
        if len(pair) >= LEAST_UNITS and np.ptp(pair[:, 0]) > 0:
            label = labels.get(name, name.replace("_", " ").capitalize())
            others.append((label, len(pair), *_spearman(pair[:, 1], pair[:, 0], level)))
    left_out = tuple(
        (line.label.removeprefix("Set aside: "), int(line.n))
        for line in survey.ledger.lines
        if str(getattr(line.kind, "value", line.kind)) == "set aside" and line.n
    )
    return Units(
        noun=noun,
        metric=metric,
        n=len(known),
        without=len(table) - len(known),
        answers=_answers(known),
        period=survey.description.units.outcomes[chosen.outcome].period,
        left_out=left_out,
        step=STEP,
        slope=slope,
        plain=_slope(outcome, score[:, None] / STEP, level),
        rank=_spearman(score, outcome, level),
        known=share,
        gain=gain,
        adjusted=adjusted,
        fifths=_fifths(score, outcome, design, level),
        others=pd.DataFrame(others, columns=["label", "n", "rank", "low", "high"]),
    )


def _answers(known: pd.DataFrame) -> int:
    """Answers of these units; 0 where their numbers are not there."""
    if "completed" not in known.columns:
        return 0
    return int(known["completed"].astype(float).sum())


def _known(survey: Survey, table: pd.DataFrame, chosen: Settings) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns of what is known of units without asking anybody, and its names."""
    names = list(chosen.known)
    columns = [predictor_block(table, names, "known", linear=True).columns]
    labels = survey.group_labels
    said = [labels.get(name, name.replace("_", " ")) for name in names]
    columns.append(table[["response_rate"]].to_numpy(dtype=float))
    said.append("response rate")
    if "completed" in table.columns and table["completed"].notna().any():
        n = table["completed"].to_numpy(dtype=float, na_value=np.nan)
        n = np.where(np.isfinite(n) & (n > 0), n, np.nanmin(n[n > 0]))
        columns.append(np.log(n)[:, None])
        said.append("number of answers")
    made = np.column_stack(columns)
    return made - made.mean(axis=0), tuple(said)


def _slope(y: np.ndarray, x: np.ndarray, level: float) -> Triple:
    """Coefficient of the first column with its interval."""
    from statsmodels.api import OLS, add_constant

    found = OLS(y, add_constant(x, has_constant="add")).fit(cov_type="HC3")
    low, high = found.conf_int(1 - level)[1]
    return float(found.params[1]), float(low), float(high)


def _spearman(x: np.ndarray, y: np.ndarray, level: float) -> Triple:
    """Rank correlation; on Fisher's scale its variance is (1 + r²/2)/(n − 3) (Bonett & Wright 2000)."""
    from scipy import stats

    r = float(stats.spearmanr(x, y).statistic)
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt((1 + r**2 / 2) / (len(x) - 3))
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return r, float(np.tanh(z - half)), float(np.tanh(z + half))


def _explained(y: np.ndarray, score: np.ndarray, design: np.ndarray, level: float) -> tuple[float, Triple]:
    """Share of variance predicted in units not trained on: by what is known, and what the score adds to it.

    Everything follows from the cross-products of each part, so that leaving a part out costs a solution and no pass.
    """
    from scipy import stats

    part = np.random.default_rng(20250401).permutation(len(y)) % PARTS
    line = (score - score.mean()) / score.std()
    without = np.column_stack([np.ones(len(y)), design])
    both = np.column_stack([without, line, line**2])
    squares = np.bincount(part, weights=(y - y.mean()) ** 2, minlength=PARTS)

    fold = np.arange(PARTS) % FOLDS
    # first with all parts, then without each; a fold's rule is trained on the parts of the others
    kept = np.vstack([np.ones(PARTS, dtype=bool), ~np.eye(PARTS, dtype=bool)])
    trains = (kept[:, None, :] & (fold != np.arange(FOLDS)[:, None])).astype(float)

    def errors(x: np.ndarray) -> np.ndarray:
        """Squared errors of each part, first with all parts training, then without each; shape (1 + parts, parts)."""
        cross = np.stack([x[part == j].T @ x[part == j] for j in range(PARTS)])
        with_y = np.stack([x[part == j].T @ y[part == j] for j in range(PARTS)])
        own = np.bincount(part, weights=y**2, minlength=PARTS)
        ridge = 1e-8 * np.trace(cross.sum(axis=0)) * np.eye(x.shape[1])
        beta = np.linalg.solve(
            np.tensordot(trains, cross, axes=1) + ridge, np.tensordot(trains, with_y, axes=1)[..., None]
        )[..., 0][:, fold]
        fitted = np.einsum("lja,jab,ljb->lj", beta, cross, beta, optimize=True)
        return np.where(kept, own - 2 * np.einsum("ja,lja->lj", with_y, beta) + fitted, 0.0)

    totals = np.array([squares.sum(), *(squares.sum() - squares)])
    base, full = (1 - errors(x).sum(axis=1) / totals for x in (without, both))
    gain = full - base
    spread = np.sqrt((PARTS - 1) / PARTS * ((gain[1:] - gain[1:].mean()) ** 2).sum())
    half = float(stats.t.ppf((1 + level) / 2, PARTS - 1) * spread)
    return float(base[0]), (float(gain[0]), float(gain[0] - half), float(gain[0] + half))


def _fifths(score: np.ndarray, y: np.ndarray, design: np.ndarray, level: float) -> pd.DataFrame:
    """Adjusted mean outcome of the units in each fifth of score."""
    from statsmodels.api import OLS

    edges = np.unique(np.quantile(score, np.arange(1, FIFTHS) / FIFTHS))
    place = np.unique(np.searchsorted(edges, score, side="left"), return_inverse=True)[1]
    fifth = (place[:, None] == np.arange(place.max() + 1)).astype(float)
    found = OLS(y, np.hstack([fifth, design])).fit(cov_type="HC3")
    limits = found.conf_int(1 - level)
    rows = []
    for k in range(fifth.shape[1]):
        held = place == k
        ends = score[held].min(), score[held].max()
        rows.append((*ends, int(held.sum()), float(found.params[k]), *(float(v) for v in limits[k])))
    return pd.DataFrame(rows, columns=["from", "to", "n", "value", "low", "high"])
