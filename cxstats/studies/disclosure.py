"""Which groups may be shown when several group variables stand on one page.

One variable at a time is safe after :func:`cxstats.cells.suppress`. But countries lie within regions: where a region
and all of its countries but one are shown, the last country can be had by subtraction across the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from cxstats.cells import suppress

__all__ = ["hidden_groups"]


def hidden_groups(
    sizes: Mapping[str, pd.DataFrame],
    together: Callable[[str, str], pd.DataFrame],
    *,
    threshold: int,
) -> dict[str, np.ndarray]:
    """Which groups of every variable must not be shown, all variables standing side by side.

    Parameters
    ----------
    sizes : per variable its groups: a frame with the variable's column and ``n``.
    together : gives the table of two variables, columns both names and ``n``; missing labels are rows too.
    threshold : answers below which a group, or what subtraction gives, is not shown.

    Returns
    -------
    Per variable which rows of its frame are hidden, shape (rows,), boolean.

    Notes
    -----
    Beside each variable's own suppression: where a group of another variable that is shown is made of shown groups
    of this one and a rest of hidden ones with fewer than ``threshold`` answers, the smallest of the shown is hidden
    too, until no such rest is left.

    Examples
    --------
    Malta (4) is hidden, and Poland (12) so that it cannot be had from the total. But Malta and Italy make the South:

    >>> countries = pd.DataFrame({"country": ["IT", "MT", "PL", "SE"], "n": [50, 4, 12, 30]})
    >>> regions = pd.DataFrame({"region": ["North", "South"], "n": [42, 54]})
    >>> both = countries.assign(region=["South", "South", "North", "North"])
    >>> hidden_groups({"country": countries, "region": regions}, lambda a, b: both, threshold=10)["country"].tolist()
    [True, True, True, False]
    """
    hidden = {
        name: suppress(frame, by=[name], threshold=threshold).hidden.copy() for name, frame in sizes.items()
    }
    tables: dict[tuple[str, str], pd.DataFrame] = {}
    again = True
    while again:
        again = False
        for inner in sizes:
            if not hidden[inner].any():
                continue
            for outer in sizes:
                if outer == inner:
                    continue
                if (inner, outer) not in tables:
                    tables[inner, outer] = _table(
                        together(inner, outer), sizes[inner], sizes[outer], inner, outer
                    )
                again |= _close(tables[inner, outer], hidden[inner], hidden[outer], threshold)
    return hidden


def _table(both: pd.DataFrame, inner_sizes: pd.DataFrame, outer_sizes: pd.DataFrame, inner: str, outer: str):
    """Counts of inner groups (rows, those not known last) by outer groups (columns, not known last)."""
    place = [
        pd.Index(frame[name].astype("string")).get_indexer(both[name].astype("string"))
        for frame, name in ((inner_sizes, inner), (outer_sizes, outer))
    ]
    counts = np.zeros((len(inner_sizes) + 1, len(outer_sizes) + 1))
    # what is not known has place −1: the last row or column
    np.add.at(counts, tuple(place), both["n"].to_numpy(dtype=float))
    return counts


def _close(counts: np.ndarray, hidden: np.ndarray, outer_hidden: np.ndarray, threshold: int) -> bool:
    """Hide more inner groups, in place, until no shown outer group leaves a small rest; whether any was hidden."""
    changed = False
    for column in np.flatnonzero(~outer_hidden):
        inside = counts[:-1, column]
        whole = (inside > 0) & (inside == counts[:-1].sum(axis=1))
        # a shown group that lies partly in it, or answers whose group is not known, blur the rest
        if counts[-1, column] > 0 or np.any((inside > 0) & ~whole & ~hidden):
            continue
        while 0 < inside[hidden].sum() < threshold and np.any(whole & ~hidden):
            shown = np.flatnonzero(whole & ~hidden)
            hidden[shown[np.argmin(inside[shown])]] = True
            changed = True
    return changed
