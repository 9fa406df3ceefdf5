"""Cells: a survey as counts, and what can be asked of counts.

A *cell* is one combination of the columns asked for (score, country, wave, …) with its number of
answers ``n``. The rows are read once, by the engine that holds them; everything after costs what the
number of cells costs, not the number of answers.

Three questions are answered here:

* **how many** — :func:`reduce`, and :func:`regroup` to merge cells after recoding their labels;
* **how certain, when customers answer more than once** — :func:`cluster_matrix` carries what a
  cluster-robust variance needs, :func:`cluster_variance` asks for it, :func:`mean_scores` and
  :func:`least_squares` are the estimators written that way;
* **what may be shown** — :func:`suppress` hides groups that are too small, and what would give them away.

This module knows tables (ibis) and frames (pandas); it knows no ``survey.yml``.
"""

from __future__ import annotations

from cxstats._rooms import on_demand

# loaded when asked for: counting starts before pandas is there
_ROOMS = {
    "counting": ["cluster_matrix", "n_customers", "reduce"],
    "regrouping": ["regroup"],
    "customers": ["LeastSquares", "cluster_variance", "least_squares", "mean_scores"],
    "suppression": ["Suppressed", "suppress"],
}
__all__ = sorted(name for names in _ROOMS.values() for name in names)

__getattr__ = on_demand(__name__, _ROOMS)


def __dir__() -> list[str]:
    return __all__
