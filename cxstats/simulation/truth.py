"""What is true of a company: expected from its model, and realised in the customers it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..show import definition_html
from .model import COUNTRY_STRETCH, METRICS, Model
from .population import answer_shares, members, population, propensity

__all__ = ["MetricTruth", "ResponseTruth", "Truth", "truth"]


@dataclass(frozen=True, slots=True)
class MetricTruth:
    """True values of one metric for one group of invitations, in the metric's unit.

    The first six are expected under the model; the two ``here_`` values are of the customers drawn. An
    invitation is counted, so that a customer invited in two waves counts twice.

    Attributes
    ----------
    metric, country, wave : which; ``country`` and ``wave`` are None for all of them.
    everyone : if all customers invited answered.
    respondents : expected value among those who answer (ratio of expectations).
    weighted : what weighting respondents to the whole frame converges to: the mean over frame cells of
        the expected value among the cell's respondents. Equals ``everyone`` where answering depends on
        the frame only.
    style_free : ``everyone``, if all countries and people used the scale as the reference does.
    same_mix, style_free_same_mix : the same as ``everyone`` and ``style_free`` if the country's customers
        were like those of all countries in segment, tenure, app use, tickets and channel. For all
        countries together: weighted by the countries' sizes.
    here_everyone : mean of the answers all customers of this company would give.
    here_respondents : the same weighted by their true propensities: what the respondents of this company
        show on average over who happens to answer.
    """

    metric: str
    country: str | None
    wave: str | None
    everyone: float
    respondents: float
    weighted: float
    style_free: float
    same_mix: float
    style_free_same_mix: float
    here_everyone: float
    here_respondents: float

    @property
    def bias(self) -> float:
        """Non-response bias: expected among respondents minus all customers."""
        return self.respondents - self.everyone

    @property
    def here_bias(self) -> float:
        """Non-response bias in this company's customers, from their true propensities."""
        return self.here_respondents - self.here_everyone


@dataclass(frozen=True, slots=True)
class ResponseTruth:
    """True propensities to answer.

    Attributes
    ----------
    rate : expected share of invitations answered.
    by_fact : fact -> category -> expected rate.
    here_rate : mean true propensity of the invitations drawn.
    here_spread : standard deviation of the true propensities drawn.
    frame_spread : standard deviation of the propensities as far as the six facts of the frame decide
        them: 1 − 2·frame_spread is the R-indicator that a model of the frame estimates.
    """

    rate: float
    by_fact: dict[str, dict[str, float]]
    here_rate: float
    here_spread: float
    frame_spread: float

    @property
    def r_indicator(self) -> float:
        """R-indicator of the six facts, 1 − 2·S (Schouten, Cobben & Bethlehem 2009)."""
        return 1 - 2 * self.frame_spread


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth behind a company.

    Attributes
    ----------
    model, seed, n_customers : what the company was made from.
    values : true values, for each metric: all, every country, every wave, every country and wave.
    response : true propensities.
    stretch : country -> log of the stretch of its scales (0: as the reference).
    """

    model: Model
    seed: int
    n_customers: int
    values: tuple[MetricTruth, ...]
    response: ResponseTruth
    stretch: dict[str, float]

    def metric(self, key: str, *, country: str | None = None, wave: str | None = None) -> MetricTruth:
        """True values of a metric, of all invitations or of a country's, a wave's, or both.

        Raises
        ------
        ValueError : no such metric, country or wave; the message names those there are.
        """
        for value in self.values:
            if (value.metric, value.country, value.wave) == (key, country, wave):
                return value
        known = {
            name: sorted({getattr(value, name) for value in self.values} - {None})
            for name in ("metric", "country", "wave")
        }
        raise ValueError(
            f"no true value for metric={key!r}, country={country!r}, wave={wave!r}; there are "
            + "; ".join(f"{name}: {', '.join(names)}" for name, names in known.items())
        )

    @property
    def waves(self) -> tuple[str, ...]:
        """Names of the waves, old to new."""
        return tuple(dict.fromkeys(value.wave for value in self.values if value.wave))

    def change(self, key: str = "nps", *, who: str = "everyone") -> float:
        """True change from the last wave but one to the last; ``who`` is a field of MetricTruth.

        Raises
        ------
        ValueError : the company has one wave only.
        """
        if len(self.waves) < 2:
            raise ValueError(
                "a company with one wave has no change between waves; make it with waves=2 or more"
            )
        before, after = (self.metric(key, wave=wave) for wave in self.waves[-2:])
        return getattr(after, who) - getattr(before, who)

    def table(self) -> pd.DataFrame:
        """All true values, a row each; ``country`` and ``wave`` are "all" where they are not split."""
        rows = [
            {name: getattr(value, name) for name in MetricTruth.__slots__}
            | {"bias": value.bias, "here_bias": value.here_bias}
            for value in self.values
        ]
        return pd.DataFrame(rows).fillna({"country": "all", "wave": "all"})

    def _repr_html_(self) -> str:
        nps = self.metric("nps")
        return definition_html(
            f"True values of a simulated company (seed {self.seed})",
            [
                ("NPS of all customers", f"{nps.everyone:+.1f}"),
                ("NPS of those who answer", f"{nps.respondents:+.1f}"),
                ("weighted to the frame", f"{nps.weighted:+.1f}"),
                ("without scale use", f"{nps.style_free:+.1f}"),
                ("response rate", f"{self.response.rate:.1%}"),
            ],
        )


def truth(model: Model, hidden: pd.DataFrame, *, seed: int, n_customers: int) -> Truth:
    """The truth of a model and of the invitations drawn from it (``Company.hidden``)."""
    people = population(model)
    values = [value for key in METRICS for value in _values(model, key, hidden)]
    mean = propensity(people)
    weight = people.frame.share[:, None] * people.wave_share
    rate = float((weight * mean).sum())
    by_fact = {
        fact: {
            name: float((weight * mean)[cells].sum() / weight[cells].sum())
            for name, cells in members(people, fact)
        }
        for fact in people.frame.codes
    }
    # the wave is no fact of the frame: its mean propensity in a cell is what the cell decides
    in_cell = mean @ people.wave_share
    here = hidden["propensity"].to_numpy()
    response = ResponseTruth(
        rate=rate,
        by_fact=by_fact,
        here_rate=float(here.mean()),
        here_spread=float(here.std()),
        frame_spread=float(np.sqrt(people.frame.share @ (in_cell - rate) ** 2)),
    )
    countries = [name for name, _ in members(people, "country")]
    stretch = dict(zip(countries, map(float, people.stretch), strict=True))
    return Truth(model, seed, n_customers, tuple(values), response, stretch)


def _values(model: Model, key: str, hidden: pd.DataFrame) -> list[MetricTruth]:
    people, shares = population(model), answer_shares(model, key)
    worth = np.asarray(METRICS[key].values, dtype=float)
    weight = people.frame.share[:, None] * people.wave_share
    answered = shares.answered.sum(axis=2)
    # all of shape (C, W)
    everyone, style_free = shares.everyone @ worth, shares.style_free @ worth
    answered_worth = shares.answered @ worth
    in_cell = answered_worth / answered
    mix = people.frame.same_mix() * _country_share(people)
    mixed = mix[:, None] * people.wave_share

    realised = worth[hidden[key].to_numpy() - METRICS[key].scale.low]
    propensities = hidden["propensity"].to_numpy()
    country, wave = hidden["country"].cat.codes.to_numpy(), hidden["wave"].cat.codes.to_numpy()
    cell = country * model.waves + wave
    size = len(COUNTRY_STRETCH) * model.waves
    sums = [
        np.bincount(cell, weights=w, minlength=size).reshape(-1, model.waves)
        for w in (np.ones(len(cell)), realised, propensities, propensities * realised)
    ]

    found = []
    waves = list(hidden["wave"].cat.categories)
    for country_code, (name, cells) in enumerate([*members(people, "country"), *members(people, None)]):
        for wave_code, wave_name in enumerate([*waves, None]):
            whole_country, whole_wave = name == "all", wave_name is None
            at = slice(None) if whole_wave else slice(wave_code, wave_code + 1)
            w, m = weight[cells, at], mixed[cells, at]
            here = slice(None) if whole_country else slice(country_code, country_code + 1)
            count, total, p, p_total = (part[here, at].sum() for part in sums)
            found.append(
                MetricTruth(
                    metric=key,
                    country=None if whole_country else name,
                    wave=wave_name,
                    everyone=_mean(w, everyone[cells, at]),
                    respondents=float(
                        (w * answered_worth[cells, at]).sum() / (w * answered[cells, at]).sum()
                    ),
                    weighted=_mean(w, in_cell[cells, at]),
                    style_free=_mean(w, style_free[cells, at]),
                    same_mix=_mean(m, everyone[cells, at]),
                    style_free_same_mix=_mean(m, style_free[cells, at]),
                    here_everyone=float(total / count) if count else float("nan"),
                    here_respondents=float(p_total / p) if count else float("nan"),
                )
            )
    return found


def _country_share(people) -> np.ndarray:
    country = people.frame.codes["country"]
    return np.bincount(country, weights=people.frame.share)[country]


def _mean(weight: np.ndarray, value: np.ndarray) -> float:
    return float((weight * value).sum() / weight.sum())
