"""Expected values: against adaptive quadrature, against large samples, and against what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import expit, ndtr
from scipy.stats import norm

from cxstats.metrics import NPS
from cxstats.simulation import Model, Response, ScaleUse, company
from cxstats.simulation.frame import FACTS, LEVELS, frame
from cxstats.simulation.model import ANSWERING, ANSWERS, METRICS, REMINDER, SATISFACTION
from cxstats.simulation.population import answer_shares, population, propensity

U_SHAPED = Response(shape="u-shaped", rate=0.3, satisfaction=0.4)


def _nps(model: Model, shares: np.ndarray) -> float:
    people = population(model)
    weight = people.frame.share[:, None] * people.wave_share
    counts = (weight[:, :, None] * shares).sum(axis=(0, 1))
    return NPS.value(counts)


def test_frame_has_every_combination_once():
    cells = frame()
    rows = np.column_stack([cells.codes[fact] for fact in FACTS])
    assert len(np.unique(rows, axis=0)) == np.prod([len(LEVELS[fact]) for fact in FACTS]) == len(cells.share)
    assert cells.share.min() > 0
    assert cells.share.sum() == pytest.approx(1, abs=1e-12)


def test_same_mix_gives_every_country_the_same_customers():
    cells = frame()
    mix = cells.same_mix()
    for fact in FACTS[1:]:
        for code in range(len(LEVELS[fact])):
            overall = cells.share[cells.codes[fact] == code].sum()
            for country in range(5):
                here = (cells.codes[fact] == code) & (cells.codes["country"] == country)
                assert mix[here].sum() == pytest.approx(overall, abs=1e-12)


@pytest.mark.parametrize("key", list(METRICS))
def test_answers_without_scale_use_are_the_stated_ones(key):
    people, shares = population(Model(change=0)), answer_shares(Model(change=0), key)
    found = (people.frame.share[:, None] * shares.style_free[:, 0]).sum(axis=0)
    assert found == pytest.approx(ANSWERS[key], abs=1e-10)


@pytest.mark.parametrize("rate", [0.05, 0.213, 0.6])
@pytest.mark.parametrize("shape", ["linear", "u-shaped"])
def test_response_rate_is_the_one_asked_for(rate, shape):
    people = population(Model(response=Response(shape=shape, rate=rate, satisfaction=0.5)))
    assert people.wave_share @ (people.frame.share @ propensity(people)) == pytest.approx(rate, abs=1e-8)


@pytest.mark.parametrize("change", [-7.5, 0, 2.5, 10.0])
def test_change_between_waves_is_the_one_asked_for(change):
    model = Model(change=change, waves=3)
    people, shares = population(model), answer_shares(model, "nps")
    by_wave = [NPS.value(people.frame.share @ shares.everyone[:, wave]) for wave in range(3)]
    assert by_wave[1] - by_wave[0] == 0
    assert by_wave[2] - by_wave[1] == pytest.approx(change, abs=1e-7)


def test_a_change_beyond_the_scale_is_refused():
    with pytest.raises(ValueError, match="change"):
        Model(change=140)
    with pytest.raises(ValueError, match="would take NPS"):
        population(Model(change=40, frame_effects=10, scale_use=ScaleUse(strength=-4, leniency=10)))


@pytest.mark.parametrize("response", [Response(satisfaction=0.5), U_SHAPED], ids=["linear", "u-shaped"])
@pytest.mark.parametrize(
    "key", ["nps", *(pytest.param(key, marks=pytest.mark.simulation) for key in METRICS if key != "nps")]
)
def test_joint_probability_equals_adaptive_quadrature(key, response):
    """P(answers, and answers at most k) in one cell, integrated by scipy over the equations of the docs."""
    cell = {"nps": 2159, "csat": 7, "ces": 1203}[key]
    model = Model(response=response)
    people = population(model)
    country = people.frame.codes["country"][cell]
    fact = {name: people.frame.codes[name][cell] for name in FACTS}
    slope = sum(values[fact[name]] for name, values in ANSWERING.items())
    # the intercept is the same in every cell: recovered from the first
    first = {name: people.frame.codes[name][0] for name in FACTS}
    intercept = people.answering[0] - sum(values[first[name]] for name, values in ANSWERING.items())
    reliability = {"nps": 0.80, "csat": 0.75, "ces": 0.75}[key]
    carried = np.sqrt(reliability) * (0.5 if key == "ces" else 1)
    at_most = len(people.cuts[key]) - 2  # all but the two highest answers

    def integrand(style: float, residual: float) -> float:
        z = (people.satisfaction[cell] + people.shift[1] + residual) / people.spread
        pull = response.satisfaction * (z if response.shape == "linear" else (z * z - 1) / np.sqrt(2))
        rho = (expit(intercept + slope + pull) + expit(intercept + slope + pull + REMINDER)) / 2
        stretch = np.exp(people.stretch[country] + 0.2 * style)
        cut = people.neutral[key] + (people.cuts[key][at_most] - people.neutral[key]) / stretch
        mean = people.mean[key][cell] + people.shift[1] + carried * residual
        answer = ndtr((cut - mean) / np.sqrt(1 - carried**2))
        return rho * answer * norm.pdf(style) * norm.pdf(residual)

    expected, _ = dblquad(integrand, -7, 7, -7, 7, epsabs=1e-7)
    found = answer_shares(model, key).answered[cell, 1, : at_most + 1].sum()
    # U-shaped propensities run flat far out: quadrature is good to 1e-6, which is 1e-3 NPS points at most
    assert found == pytest.approx(expected, abs=2e-6)


def test_cell_effects_are_the_stated_ones():
    people = population(Model(country_gaps=0))
    cells = frame()
    raw = sum(np.asarray(values)[cells.codes[fact]] for fact, values in SATISFACTION.items())
    assert people.satisfaction - people.satisfaction[0] == pytest.approx(raw - raw[0], abs=1e-12)


@pytest.mark.simulation
def test_expected_values_equal_a_large_sample():
    """300,000 customers: realised values within four standard errors of the expected ones."""
    big = company(300_000, seed=11, response=U_SHAPED, scale_use=ScaleUse(leniency=1.0), repeat_share=0)
    for key, metric in METRICS.items():
        for wave in (None, *big.truth.waves):
            for country in (None, "Japan", "Brazil"):
                chosen = big.hidden
                if wave:
                    chosen = chosen[chosen["wave"] == wave]
                if country:
                    chosen = chosen[chosen["country"] == country]
                true = big.truth.metric(key, country=country, wave=wave)
                scale = metric.scale
                everyone = metric.counts(chosen[key])
                answered = metric.counts(chosen.loc[chosen["answered"], key])
                for counts, expected in ((everyone, true.everyone), (answered, true.respondents)):
                    error = np.sqrt(metric.variance(counts) / counts.sum())
                    assert abs(metric.value(counts) - expected) < 4 * error, (key, wave, country)
                assert len(everyone) == scale.size


def test_no_scale_use_means_style_free():
    shares = answer_shares(Model(scale_use=ScaleUse.same()), "nps")
    assert shares.everyone == pytest.approx(shares.style_free, abs=1e-14)


def test_stretch_pulls_a_satisfied_country_from_the_neutral_point():
    """The test vector of the location-scale section: stretched around c, not around the group's own mean."""
    people = population(Model(scale_use=ScaleUse(strength=1, people=0), frame_effects=0, country_gaps=0))
    shares = answer_shares(people.model, "nps")
    brazil = people.frame.codes["country"] == 3
    c, s = people.neutral["nps"], np.exp(0.24)
    t7, t9 = people.cuts["nps"][6], people.cuts["nps"][8]
    mean, spread = c + s * (0 - c), s
    expected = 100 * (1 - norm.cdf((t9 - mean) / spread) - norm.cdf((t7 - mean) / spread))
    found = NPS.value(shares.everyone[brazil][0, 0])
    assert found == pytest.approx(expected, abs=1e-9)


def test_frame_only_response_is_repaired_by_weighting_and_random_response_needs_none():
    by_frame = company(1000, seed=1, response=Response.by_frame()).truth.metric("nps")
    assert abs(by_frame.bias) > 2
    # one value by the residual's quadrature, the other without it: they agree to 1e-5 points
    assert by_frame.weighted == pytest.approx(by_frame.everyone, abs=1e-4)
    at_random = company(1000, seed=1, response=Response.at_random()).truth
    assert at_random.metric("nps").bias == pytest.approx(0, abs=1e-4)
    assert at_random.response.r_indicator == pytest.approx(1, abs=1e-7)


def test_linear_response_is_not_repaired_and_u_shaped_bias_can_vanish_while_spread_grows():
    linear = company(1000, seed=1, response=Response(satisfaction=0.5, frame=0)).truth.metric("nps")
    assert linear.bias > 15
    model = Model(response=Response(shape="u-shaped", satisfaction=0.6, frame=0))
    shares = answer_shares(model, "nps")
    people = population(model)
    weight = people.frame.share[:, None] * people.wave_share
    answered = (weight[:, :, None] * shares.answered).sum(axis=(0, 1))
    everyone = (weight[:, :, None] * shares.everyone).sum(axis=(0, 1))
    ends = answered / answered.sum() / everyone
    assert ends[0] > 1.5
    assert ends[10] > 1.1
    assert ends[6:9].max() < 1
    assert NPS.variance(answered) > NPS.variance(everyone)
    assert _nps(model, shares.answered) == pytest.approx(NPS.value(answered))
