"""Values of the metric with everybody using the scale as the first group does, over the stated assumptions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from cxstats.methods.ordinal_likelihood import OrderedCells, maximise, refit
from cxstats.metrics import Metric

__all__ = ["Model", "fit", "leniency", "naive_gap", "raw_values", "shapley", "values", "wald_test"]


@dataclass(frozen=True, slots=True)
class Model:
    """Location–scale model of G groups, the first the reference; leading axes for replicates.

    Attributes
    ----------
    thresholds : shape (..., K − 1), of every category of the scale; where one is empty, as its neighbours'.
    location, log_scale : shape (..., G), 0 for the first.
    """

    thresholds: np.ndarray
    location: np.ndarray
    log_scale: np.ndarray

    def shares(self, location: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
        """Shares of answers at this location and scale, shape (..., G, K)."""
        z = (self.thresholds[..., None, :] - location[..., None]) / np.exp(log_scale)[..., None]
        at_most = ndtr(z)
        ends = np.zeros((*at_most.shape[:-1], 1))
        return np.diff(np.concatenate([ends, at_most, ends + 1], axis=-1), axis=-1)

    def values(self, metric: Metric) -> np.ndarray:
        """The metric of each group as the model has it, shape (..., G)."""
        return self.shares(self.location, self.log_scale) @ np.asarray(metric.values, dtype=float)

    def neutral(self, metric: Metric, point: float) -> np.ndarray:
        """Latent value of a neutral point, shape (...): the centre of an answer, or a threshold for a half."""
        at = point - metric.scale.low
        below = int(np.floor(at))
        if at != below:
            return self.thresholds[..., below]
        return (self.thresholds[..., below - 1] + self.thresholds[..., below]) / 2


def fit(table: np.ndarray, replicates: np.ndarray) -> tuple[Model, Model]:
    """The model of these counts, and of every replicate of them."""
    groups, size = table.shape
    used = np.flatnonzero(table.sum(axis=0) > 0)
    place, category = np.meshgrid(np.arange(groups), np.arange(len(used)), indexing="ij")
    design = (place.reshape(-1, 1) == np.arange(1, groups)).astype(float)
    k, last = category.ravel(), len(used) - 1
    cells = OrderedCells(np.where(k < last, k, -1), k - 1, design, design, table[:, used].ravel(), (last,))
    share = np.cumsum(table[:, used].sum(axis=0))[:-1] / table.sum()
    start = np.concatenate([ndtri(share), np.zeros(2 * (groups - 1))])
    own = maximise(start, cells, "probit").parameters
    again = refit(own, cells, replicates[:, :, used].reshape(len(replicates), -1), "probit")
    return _model(own, groups, size, used), _model(again, groups, size, used)


def _model(parameters: np.ndarray, groups: int, size: int, used: np.ndarray) -> Model:
    m = len(used) - 1
    found = parameters[..., :m]
    # threshold k lies above category k: that above the last category used at or below k
    place = np.searchsorted(used, np.arange(size - 1), side="right") - 1
    inner = np.take(found, np.clip(place, 0, m - 1), axis=-1)
    thresholds = np.where(place < 0, -12.0, np.where(place > m - 1, 12.0, inner))
    zero = np.zeros((*parameters.shape[:-1], 1))
    return Model(
        thresholds,
        np.concatenate([zero, parameters[..., m : m + groups - 1]], axis=-1),
        np.concatenate([zero, parameters[..., m + groups - 1 :]], axis=-1),
    )


def raw_values(counts: np.ndarray, metric: Metric) -> np.ndarray:
    """The metric of counts of shape (..., K)."""
    return counts @ np.asarray(metric.values, dtype=float) / counts.sum(axis=-1)


def values(
    model: Model, counts: np.ndarray, *, metric: Metric, shares: np.ndarray, neutral: tuple[float, ...]
) -> np.ndarray:
    """The metric as counted, moved by what the model says scale use does, shape (..., L, C, G).

    At share 0 it is the metric as counted, whatever the model leaves unexplained.
    """
    counted, start = raw_values(counts, metric), model.values(metric)
    rows = []
    for share in shares:
        delta = share * model.log_scale
        row = []
        for point in neutral:
            c = model.neutral(metric, point)[..., None]
            location = c + (model.location - c) * np.exp(-delta)
            after = model.shares(location, model.log_scale - delta) @ np.asarray(metric.values, dtype=float)
            row.append(counted + after - start)
        rows.append(np.stack(row, axis=-2))
    return np.stack(rows, axis=-3)


def naive_gap(model: Model, counts: np.ndarray, metric: Metric, group: int) -> float:
    """Gap to the first group after the naive correction: the group's spread reset, its mean kept."""
    worth = np.asarray(metric.values, dtype=float)
    counted, start = raw_values(counts, metric), model.values(metric)
    reset = model.shares(model.location, np.zeros_like(model.log_scale)) @ worth
    after = counted + reset - start
    return float(after[group] - after[0])


def shapley(model: Model, metric: Metric, group: int, point: float) -> np.ndarray:
    """Points of the gap of ``group`` to the first that are style, all of the spread being style."""
    worth = np.asarray(metric.values, dtype=float)
    c = model.neutral(metric, point)
    delta = model.log_scale[..., group]
    eta = c + (model.location[..., group] - c) * np.exp(-delta)
    zero = np.zeros_like(eta)

    def value(eta: np.ndarray, delta: np.ndarray) -> np.ndarray:
        location = c + np.exp(delta) * (eta - c)
        return (model.shares(location[..., None], delta[..., None]) @ worth)[..., 0]

    own = value(eta, delta) - value(eta, zero)
    reference = value(zero, delta) - value(zero, zero)
    return (own + reference) / 2


def leniency(model: Model, metric: Metric, shift: float) -> float:
    """By how much the first group's metric moves if all its answers move up by ``shift`` latent units."""
    worth = np.asarray(metric.values, dtype=float)
    here, there = (model.shares(np.array([at]), np.zeros(1)) @ worth for at in (0.0, shift))
    return float(there[0] - here[0])


def wald_test(estimate: np.ndarray, covariance: np.ndarray, degrees_of_freedom: float) -> float:
    """p-value that all are 0: Hotelling's F where the covariance rests on few replicates, else chi-squared."""
    from scipy.stats import chi2, f

    q = len(estimate)
    statistic = float(estimate @ np.linalg.pinv(covariance, hermitian=True) @ estimate)
    if np.isinf(degrees_of_freedom):
        return float(chi2.sf(statistic, q))
    left = degrees_of_freedom - q + 1
    if left <= 0:
        return float("nan")
    return float(f.sf(statistic * left / (q * degrees_of_freedom), q, left))
