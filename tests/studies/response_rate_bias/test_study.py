"""The study on the demo company, whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

import cxstats as cx
from cxstats.display.parts import Figure
from cxstats.findings import Verdict
from cxstats.studies.response_rate_bias.frame import frame_of
from cxstats.studies.response_rate_bias.study import decide
from tests.studies.response_rate_bias.test_edge_cases import page


@pytest.fixture(scope="module")
def study(demo_study) -> cx.ResponseRateBiasStudy:
    return demo_study("response_rate_bias", metric="nps")


def truth(demo: cx.Survey, key: str, wave: str):
    return demo.truth.metric(key, wave=wave)


def test_the_verdict_is_right(study: cx.ResponseRateBiasStudy, demo: cx.Survey) -> None:
    true = truth(demo, "nps", study.numbers.wave)
    finding = study.findings[0]
    assert true.bias > study.numbers.settings.margin
    assert finding.verdict is Verdict.MATERIAL
    assert finding.low < true.bias < finding.high


@pytest.mark.parametrize(
    "key", ["nps", *(pytest.param(key, marks=pytest.mark.simulation) for key in ("csat", "ces"))]
)
def test_a_verdict_is_right_or_honestly_not_firm(demo: cx.Survey, study, key: str) -> None:
    metric = demo.metric(key)
    frame = frame_of(demo, score=key, variables=None, wave=None, seed=1)
    chosen = replace(study.numbers.settings, metric=key, margin=metric.margin)
    verdict, parts, _, _ = decide(frame, metric, chosen, repeated=frame.repeated)
    if key == "nps":
        assert verdict is study.findings[0].verdict
        assert parts["region"] == study.numbers.region
    true = truth(demo, key, frame.wave)
    assert verdict is not (Verdict.NEGLIGIBLE if abs(true.bias) > metric.margin else Verdict.MATERIAL)
    assert parts["region"].low < true.bias < parts["region"].high


def test_weighting_goes_where_weighting_can(study: cx.ResponseRateBiasStudy, demo: cx.Survey) -> None:
    true = truth(demo, "nps", study.numbers.wave)
    for choice in study.numbers.choices[:5]:
        # the frame facts alone converge to ``weighted``; yearly revenue, which also foretells, goes a little beyond
        assert abs(choice.value - true.weighted) < 3 * choice.standard_error
        assert choice.low < choice.value < choice.high
        assert choice.bias == pytest.approx(study.numbers.published.value - choice.value)


def test_response_rates_are_those_of_the_company(study: cx.ResponseRateBiasStudy, demo: cx.Survey) -> None:
    expected = demo.truth.response.by_fact
    held = 0
    for table in study.numbers.rates:
        for row in table.rows:
            if table.name in expected:
                # item non-response and faults take some 4 % of the answers away
                assert row.value / 100 == pytest.approx(0.965 * expected[table.name][row.label], rel=0.12)
                held += 1
    assert held >= 20
    assert study.numbers.reach.r == pytest.approx(demo.truth.response.r_indicator, abs=0.02)


def test_what_was_not_weighted_for_is_repaired_in_part(study: cx.ResponseRateBiasStudy) -> None:
    checks = {check.name: check for check in study.numbers.checks}
    assert set(checks) == {"churned", "repurchased"}
    assert abs(checks["churned"].gap_weighted) < abs(checks["churned"].gap)
    assert checks["repurchased"].repaired > 0.5
    assert all(d.n > 4_000 and d.effective < 1_000 for d in study.numbers.defects)


def test_every_section_has_its_figures_and_numbers(study: cx.ResponseRateBiasStudy, drawn) -> None:
    for name in ("score", "response", "who", "balance", "weighting", "benchmark", "beyond"):
        assert any(isinstance(part, Figure) for part in study.section(name).parts), name
    for key, figure in study.figures.items():
        data = drawn(study)[key]
        assert data["alt"], key
        assert data["wide"]["mime"] == data["narrow"]["mime"] == "image/svg+xml"
        assert data["table"]["rows"], key
        assert "Simulated data" in figure.source
        assert not data["missing_glyphs"]
    assert set(study.tables) == set(study.figures)
    with pytest.raises(KeyError, match="there are score"):
        study.section("scores")


def test_main_points_refer_to_figures_that_are_there(study: cx.ResponseRateBiasStudy) -> None:
    assert 3 <= len(study.main_points.points) <= 5
    assert {p.figure for p in study.main_points.points} <= set(study.figures)


def test_no_customer_reaches_a_page(study: cx.ResponseRateBiasStudy, demo: cx.Survey, drawn) -> None:
    page = str(drawn(study))
    pseudonyms = demo.rows(["customer"])["customer"].head(200)
    assert not any(name in page for name in pseudonyms)


def test_the_same_seed_gives_the_same_page(make_survey, invitations) -> None:
    """Without customers, who are dealt to parts by the seed."""
    survey = make_survey(invitations(1_500), groups=("segment", "use"), customer=False)
    first, second, other = (cx.response_rate_bias(survey, seed=seed) for seed in (7, 7, 8))
    assert page(first, draw=("ladder",)) == page(second, draw=("ladder",))
    assert first.figures["phi"].to_json() == second.figures["phi"].to_json()
    assert page(first, draw=()) != page(other, draw=())


def test_doubly_robust_can_be_what_the_report_stands_on(make_survey, invitations) -> None:
    survey = make_survey(invitations(3_000, by_frame=0.5), groups=("segment", "use"))
    numbers = cx.response_rate_bias(survey, weighting="doubly_robust").numbers
    assert numbers.main == "doubly_robust"
    assert numbers.weighted.value == pytest.approx(numbers.choice("raking").value, abs=0.5)
    assert numbers.balance
