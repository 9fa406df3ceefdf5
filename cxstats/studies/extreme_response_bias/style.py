"""Values of the metric with everybody using the scale as the first group does, over the stated assumptions.

A thin layer over the methods: (weighted) tables of answers in, the fitted model of the survey and of every replicate
out, and the metric at every assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxstats.methods import latent_metric
from cxstats.methods.ordinal_groups import fit_groups, refit_groups
from cxstats.methods.ordinal_likelihood import widened
from cxstats.metrics import Metric

__all__ = ["Model", "fit", "leniency", "naive_gap", "raw_values", "shapley", "values", "wald_test"]


@dataclass(frozen=True, slots=True)
class Model:
    """Location–scale model of G groups, the first the reference; leading axes for replicates.

    Attributes
    ----------
    thresholds : shape (..., K − 1), of every category of the scale; infinite beyond those in use.
    location, log_scale : shape (..., G), 0 for the first.
    """

    thresholds: np.ndarray
    location: np.ndarray
    log_scale: np.ndarray

    def value(self, metric: Metric, location: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
        """The metric at this location and scale, shape of the location."""
        return np.asarray(latent_metric.net_score(self.thresholds, location, log_scale, metric))

    def values(self, metric: Metric) -> np.ndarray:
        """The metric of each group as the model has it, shape (..., G)."""
        return self.value(metric, self.location, self.log_scale)

    def neutral(self, metric: Metric, point: float) -> np.ndarray:
        """Latent value of a neutral point, shape (...)."""
        return np.asarray(latent_metric.neutral_point(self.thresholds, metric, point))


def fit(table: np.ndarray, replicates: np.ndarray) -> tuple[Model, Model]:
    """The model of these answers per group and category, (G, K), and of every replicate of them, (R, G, K).

    Replicates without a maximum are NaN.
    """
    groups, size = table.shape
    kept = np.flatnonzero(table.sum(axis=0) > 0)
    found = fit_groups(table[:, kept])
    # what nobody answered in the survey nobody can answer in a replicate of it
    again = refit_groups(found, replicates[..., kept])
    return _model(found, groups, size, kept), _model(again, groups, size, kept)


def _model(parameters: np.ndarray, groups: int, size: int, kept: np.ndarray) -> Model:
    m = len(kept) - 1
    zero = np.zeros((*parameters.shape[:-1], 1))
    return Model(
        widened(parameters[..., :m], kept, size),
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
    # axes: share, neutral point, those of the model; written with a reference of its own, so that a share a little
    # above 1 is possible too
    share = np.asarray(shares, dtype=float).reshape(-1, *[1] * (model.location.ndim + 1))
    c = np.stack([model.neutral(metric, point) for point in neutral])[..., None]
    location, log_scale = latent_metric.standardise(
        model.location, model.log_scale, neutral=c, reference_log_scale=(1 - share) * model.log_scale
    )
    moved = model.value(metric, location, log_scale) - model.values(metric)
    found = raw_values(counts, metric) + np.where(share == 0, 0.0, moved)
    return np.moveaxis(found, (0, 1), (-3, -2))


def naive_gap(model: Model, counts: np.ndarray, metric: Metric, group: int) -> float:
    """Gap to the first group after the naive correction: the group's spread reset, its mean kept."""
    reset = model.value(metric, model.location, np.zeros_like(model.log_scale))
    after = raw_values(counts, metric) + reset - model.values(metric)
    return float(after[group] - after[0])


def shapley(model: Model, metric: Metric, group: int, point: float) -> np.ndarray:
    """Points of the gap of ``group`` to the first that are style, all of the spread being style."""
    c = model.neutral(metric, point)
    mu, zeta = model.location[..., group], model.log_scale[..., group]
    eta, _ = latent_metric.standardise(mu, zeta, neutral=c)
    zero = np.zeros_like(eta)

    def value(substance: np.ndarray, style: np.ndarray) -> np.ndarray:
        location = c + np.exp(style) * (substance - c)
        return model.value(metric, location[..., None], style[..., None])[..., 0]

    _, style = latent_metric.shapley(value(eta, zeta), value(eta, zero), value(zero, zeta), value(zero, zero))
    return style


def leniency(model: Model, metric: Metric, shift: float) -> float:
    """By how much the first group's metric moves if all its answers move up by ``shift`` latent units."""
    here, there = (float(model.value(metric, np.array([at]), np.zeros(1))[0]) for at in (0.0, shift))
    return there - here


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
