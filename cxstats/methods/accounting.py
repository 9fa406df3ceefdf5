"""Response accounting: how many were invited, reached and answered, stage by stage, and who was never asked.

Every rate has a stated denominator. ``rate`` is of everyone invited; for the last stage that is AAPOR's response rate 1
(RR1): completed questionnaires over all who were invited, those whose invitation came back and those who broke off
included. ``rate_of_previous`` is of those who reached the stage before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.clusters import Clusters, clusters_of, require_columns, truth_of
from cxstats.methods.effective import korn_graubard_effective_n
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count, share

__all__ = ["ResponseRates", "coverage_rates", "response_rates"]


@dataclass(frozen=True, slots=True, eq=False)
class ResponseRates:
    """Rates by stage and group.

    Attributes
    ----------
    table : one row per group and stage: the group's columns, ``stage``, ``n_invited``, ``n_reached``, ``rate`` (share of
        those invited) with ``low`` and ``high``, ``rate_of_previous`` with ``previous_low`` and ``previous_high`` (share
        of those who reached the stage before; of those invited for the first).
    stages : from first to last.
    response_rate : AAPOR RR1 of everyone: the last stage over all invited.
    break_off_share : of those who reached the last stage but one, the share that went no further; None with one stage.
    n_invited, n_answered : customers (weights do not enter). level : of the Wilson intervals.
    notes : sentences: stages that are not nested, customers of whom a stage is not known.
    """

    table: pd.DataFrame
    stages: tuple[str, ...]
    response_rate: float
    break_off_share: float | None
    n_invited: int
    n_answered: int
    level: float
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = [("invited", count(self.n_invited)), ("response rate (RR1)", share(self.response_rate, 1))]
        if self.break_off_share is not None:
            rows.append(("broke off", share(self.break_off_share, 1)))
        return definition_html("Response", [*rows, *[("note", note) for note in self.notes]])


def response_rates(
    cells: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    *,
    stages: Sequence[str],
    level: float = 0.95,
    matrix: np.ndarray | None = None,
    part: str | None = None,
) -> ResponseRates:
    """How many of those invited reached each stage, with Wilson intervals, by group.

    Parameters
    ----------
    cells : rows of everyone invited with a column per stage (true, false or missing), the columns ``by`` and ``n``
        (and ``w``, ``w2`` in a weighted survey).
    by : column or columns whose combinations are the groups; a missing label is the group "not known". None: everyone.
    stages : columns from the first to the last, such as ``["delivered", "opened", "started", "completed"]``, or
        ``["responded"]``. Whether a stage was reached may be missing: that counts as not reached, and is said.
    level : of the intervals.
    matrix, part : for customers invited repeatedly, as in :func:`cxstats.methods.propensity.fit`.

    Returns
    -------
    ResponseRates. Groups in the order of their labels; stages in the order given.

    Raises
    ------
    ValueError : no stage, a column that does not exist or is neither true nor false, nobody invited.

    Notes
    -----
    RR1 = completes/(completes + partial + refusal + non-contact + other + unknown), AAPOR (2023) *Standard Definitions*:
    with a list of named customers all invited are eligible. Wilson (1927) intervals; with weights or repeated
    customers at the effective number of customers (Korn & Graubard 1998).

    Examples
    --------
    >>> cells = pd.DataFrame({"opened": [True, True, False], "completed": [True, False, False], "n": [200, 300, 500]})
    >>> response_rates(cells, stages=["opened", "completed"]).table[["stage", "rate", "rate_of_previous"]]
           stage  rate  rate_of_previous
    0     opened   0.5               0.5
    1  completed   0.2               0.4
    """
    level = checked("level", level, Level)
    stages = [stages] if isinstance(stages, str) else list(stages)
    if not stages:
        raise ValueError("stages must name at least one column, such as ['responded']")
    columns = [] if by is None else [by] if isinstance(by, str) else list(by)
    require_columns(cells, [*columns, *stages])
    clusters = clusters_of(cells, matrix=matrix, part=part)
    n = cells["n"].to_numpy(dtype=float)
    if not n.sum() > 0:
        raise ValueError("nobody was invited: every 'n' is 0")
    reached, notes = _reached(cells, stages, n)
    place, labels = _groups(cells, columns)
    place, reached, n, clusters = _condensed(place, reached, n, clusters)
    keep = np.bincount(place, weights=n, minlength=len(labels)) > 0
    previous = np.column_stack([np.ones(len(n), dtype=bool), reached[:, :-1]])
    blocks = []
    for group in np.flatnonzero(keep):
        inside = place == group
        for k, stage in enumerate(stages):
            of_all = _wilson(reached[:, k], inside, clusters, n, level)
            of_previous = _wilson(reached[:, k] & previous[:, k], inside & previous[:, k], clusters, n, level)
            row = {name: labels.iloc[group][name] for name in columns}
            row |= {
                "stage": stage,
                "n_invited": _whole(n[inside]),
                "n_reached": _whole(n[inside & reached[:, k]]),
            }
            row |= dict(zip(("rate", "low", "high"), of_all, strict=True))
            row |= dict(zip(("rate_of_previous", "previous_low", "previous_high"), of_previous, strict=True))
            blocks.append(row)
    table = pd.DataFrame(blocks).astype(dict.fromkeys([*columns, "stage"], "string"))
    last = reached[:, -1]
    broke_off = None
    if len(stages) > 1:
        started = clusters.mass[reached[:, -2]].sum()
        broke_off = float(1 - clusters.mass[last & reached[:, -2]].sum() / started) if started > 0 else None
    return ResponseRates(
        table=table,
        stages=tuple(stages),
        response_rate=float(clusters.mass[last].sum() / clusters.mass.sum()),
        break_off_share=broke_off,
        n_invited=_whole(n),
        n_answered=_whole(n[last]),
        level=level,
        notes=tuple(notes),
    )


def coverage_rates(
    cells: pd.DataFrame,
    by: str | Sequence[str] | None = None,
    *,
    invited: str = "invited",
    level: float = 0.95,
    part: str | None = None,
) -> pd.DataFrame:
    """Who was invited at all, of all customers on the list: coverage comes before response.

    Parameters
    ----------
    cells : rows of all customers with ``invited`` (true or false) and ``n``.
    by, level, part : as in :func:`response_rates`.

    Returns
    -------
    One row per group: its columns, ``n_customers``, ``n_invited``, ``rate``, ``low``, ``high``.

    Raises
    ------
    ValueError : as :func:`response_rates`.

    Examples
    --------
    >>> cells = pd.DataFrame({"invited": [True, False], "n": [900, 100]})
    >>> coverage_rates(cells)["rate"].tolist()
    [0.9]
    """
    truth_of(cells, invited, "whether a customer was invited")
    table = response_rates(cells, by, stages=[invited], level=level, part=part).table
    kept = table.drop(columns=["stage", "rate_of_previous", "previous_low", "previous_high"])
    return kept.rename(columns={"n_invited": "n_customers", "n_reached": "n_invited"})


def _reached(cells: pd.DataFrame, stages: list[str], n: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Which stages were reached, shape (R, stages), and what is odd about them."""
    reached = np.zeros((len(cells), len(stages)), dtype=bool)
    notes = []
    for k, stage in enumerate(stages):
        missing = cells[stage].isna().to_numpy()
        known = cells[~missing]
        reached[~missing, k] = truth_of(known, stage, "") if len(known) else False
        if n[missing].sum() > 0:
            notes.append(
                f"Whether {count(n[missing].sum())} of those invited reached “{stage}” is not known; they count as "
                "not having reached it."
            )
    for k in range(1, len(stages)):
        skipped = n[reached[:, k] & ~reached[:, k - 1]].sum()
        if skipped:
            notes.append(
                f"{count(skipped)} reached “{stages[k]}” without “{stages[k - 1]}” being recorded (images blocked, or a "
                "link passed on): rates of the previous stage leave them out."
            )
    return reached, notes


def _groups(cells: pd.DataFrame, columns: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    from cxstats.methods.frame_variables import cross_classify, label_codes

    if not columns:
        return np.zeros(len(cells), dtype=int), pd.DataFrame(index=range(1))
    coded = [label_codes(cells[name]) for name in columns]
    place, first = cross_classify([code for code, _ in coded])
    labels = {
        name: np.array(names, dtype=object)[code[first]]
        for name, (code, names) in zip(columns, coded, strict=True)
    }
    return place, pd.DataFrame(labels)


def _condensed(
    place: np.ndarray, reached: np.ndarray, n: np.ndarray, clusters: Clusters
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Clusters]:
    """Rows alike in group, stages and part as one: whatever else the cells tell apart does not matter here."""
    from cxstats.methods.frame_variables import cross_classify

    if clusters.matrix is not None:
        return place, reached, n, clusters
    parts = [] if clusters.part is None else [clusters.part]
    row, first = cross_classify([place, *reached.T.astype(int), *parts])
    mass, square, count_ = (
        np.bincount(row, weights=x, minlength=len(first)) for x in (clusters.mass, clusters.square, n)
    )
    part = None if clusters.part is None else clusters.part[first]
    return place[first], reached[first], count_, Clusters(mass, square, None, part, clusters.n_parts)


def _wilson(
    reached: np.ndarray, inside: np.ndarray, clusters: Clusters, n: np.ndarray, level: float
) -> tuple[float, float, float]:
    """Share of the rows inside that reached a stage, and its Wilson interval; all missing where nobody is inside."""
    mass = np.where(inside, clusters.mass, 0.0)
    total, size = mass.sum(), n[inside].sum()
    if not total > 0:
        return float("nan"), float("nan"), float("nan")
    rate = float(mass[reached].sum() / total)
    effective = _effective(reached, rate, inside, total, size, clusters, level)
    return rate, *_wilson_limits(rate, effective, level)


def _effective(
    reached: np.ndarray,
    rate: float,
    inside: np.ndarray,
    total: float,
    size: float,
    clusters: Clusters,
    level: float,
) -> float:
    """Independent customers the rate is worth, at most as many as there are."""
    if clusters.independent and np.array_equal(clusters.mass, clusters.square):
        return size
    kish = total**2 / clusters.variance(inside.astype(float)) if clusters.part is None else size
    if not 0 < rate < 1:
        return min(size, kish)
    variance = clusters.variance(np.where(inside, reached - rate, 0.0) / total)
    effective = min(size, rate * (1 - rate) / variance) if variance > 0 else min(size, kish)
    if clusters.part is not None and size > 2:
        # a variance from few parts is itself a guess
        parts = len(np.unique(clusters.part[inside]))
        effective = min(
            effective, korn_graubard_effective_n(effective, int(max(size, 2)), max(parts - 1, 1), level)
        )
    return effective


def _wilson_limits(rate: float, n: float, level: float) -> tuple[float, float]:
    """Wilson's interval of a share of n independent customers; n need not be whole."""
    from scipy.special import ndtri

    z2 = float(ndtri((1 + level) / 2)) ** 2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    # at the ends the limit is the end, whatever the last bit says
    low = 0.0 if rate == 0 else max(float(centre - half), 0.0)
    high = 1.0 if rate == 1 else min(float(centre + half), 1.0)
    return low, high


def _whole(n: np.ndarray) -> int:
    return round(float(n.sum()))
