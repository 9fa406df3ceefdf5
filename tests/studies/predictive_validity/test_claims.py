"""Every number in the page's sentences, computed again from the rows with other tools than the study's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.interpolate import CubicSpline
from scipy.stats import mannwhitneyu
from statsmodels.stats.proportion import confint_proportions_2indep

import cxstats as cx
from cxstats.display.parts import Table
from cxstats.studies.predictive_validity.notes import weight_notes

YAML = """title: Test
responses: {file: data.csv}
customer: id
invited: sent
responded: answered
data_as_of: 2025-12-31
wave: {column: wave, order: ["2024", "2025"]}
scores: {nps: {column: nps, scale: 0-10}, ces: {column: ces, scale: 1-7, high_is: easy}}
groups: {kind: kind}
behaviour: {use: {column: use}}
value: {column: worth}
outcomes: {left: {column: left, event: "1", on: gone, window_days: 300}}
"""
COST, SUCCESS = 20.0, 0.3


def company() -> pd.DataFrame:
    """1,500 customers, 500 of them asked in both waves; who is unhappy leaves, and answers less often."""
    rng, people = np.random.default_rng(8), 1500
    use, worth = rng.uniform(0, 40, people).round(1), rng.uniform(200, 700, people).round(2)
    kind = rng.choice(["basic", "plus"], people, p=[0.6, 0.4])
    mood = rng.normal(size=people) - 0.4 * (use < 10)
    chance = 1 / (1 + np.exp(0.8 + 0.05 * use - 0.5 * (kind == "plus") + 0.8 * mood))
    leaves = rng.random(people) < chance
    gone = pd.Timestamp("2025-02-01") + pd.to_timedelta(rng.integers(0, 200, people), "D")
    waves = []
    for name, first, who in (
        ("2024", "2024-09-01", np.arange(1000)),
        ("2025", "2025-01-10", np.arange(500, 1500)),
    ):
        m = len(who)
        sent = pd.Timestamp(first) + pd.to_timedelta(rng.integers(0, 10, m), "D")
        answers = rng.random(m) < 0.55 + 0.05 * mood[who]
        nps = np.clip(np.round(7 + 1.6 * mood[who] + 1.2 * rng.normal(size=m)), 0, 10).astype(int)
        ces = np.clip(np.round(5 + 0.9 * mood[who] + 0.9 * rng.normal(size=m)), 1, 7).astype(int)
        waves.append(
            pd.DataFrame(
                {
                    "id": who,
                    "wave": name,
                    "sent": sent.strftime("%Y-%m-%d"),
                    "answered": np.where(answers, (sent + pd.Timedelta(days=3)).strftime("%Y-%m-%d"), ""),
                    "nps": np.where(answers, nps.astype(str), ""),
                    "ces": np.where(answers, ces.astype(str), ""),
                    "use": use[who],
                    "kind": kind[who],
                    "worth": worth[who],
                    "left": leaves[who].astype(int),
                    "gone": np.where(leaves[who], gone[who].strftime("%Y-%m-%d"), ""),
                }
            )
        )
    return pd.concat(waves, ignore_index=True)


@dataclass(frozen=True)
class Page:
    """The page's words, its rows as numbers, and the cross-fitted chances of each rule, computed here."""

    text: dict[str, str]
    lists: dict[str, tuple[str, ...]]
    rows: pd.DataFrame
    answered: pd.DataFrame
    first: pd.DataFrame
    chances: dict[str, np.ndarray]
    areas: dict[str, float]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("claims")
    raw = company()
    raw.to_csv(folder / "data.csv", index=False)
    (folder / "survey.yml").write_text(YAML, encoding="utf-8")
    survey = cx.open_survey(folder / "survey.yml")
    study = cx.predictive_validity(survey, contact_cost=COST, success=SUCCESS)

    raw = raw.replace("", np.nan).astype({"nps": float, "ces": float})
    raw["left"] = (pd.to_datetime(raw["gone"]) - pd.to_datetime(raw["sent"])).dt.days.between(0, 300)
    # which part a customer is in is the survey's secret; all else is from the file
    same = survey.rows(["part", "use", "value", "wave"]).astype({"wave": str, "use": float, "value": float})
    parts = same.drop_duplicates().rename(columns={"value": "worth"})
    raw = raw.merge(parts, on=["use", "worth", "wave"], validate="one_to_one")
    answered = raw[raw["nps"].notna()].reset_index(drop=True)
    first = answered.sort_values("wave", kind="stable").drop_duplicates("id", keep="first")
    chances, areas = cross_fitted(answered)
    names = ("race", "rates", "robust", "silence", "cuts", "time", "decision")
    text = {name: " ".join(part.to_text() for part in study.section(name).parts) for name in names}
    text |= {
        name: getattr(study, name).to_text()
        for name in ("answer", "main_points", "need_to_know", "limits", "method")
    }
    text = {name: re.sub("[\xa0\u202f]", " ", words) for name, words in text.items()}
    lists = next(part for part in study.section("decision").parts if isinstance(part, Table))
    return Page(text, {row[0]: row[1:] for row in lists.rows}, raw, answered, first, chances, areas)


def natural_spline(x: np.ndarray) -> np.ndarray:
    """A basis of natural cubic splines with knots at four quantiles, straight beyond them."""
    knots = np.unique(np.quantile(x, [0.05, 0.35, 0.65, 0.95]))
    basis = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    inside = np.clip(x, knots[0], knots[-1])
    end = np.where(x < knots[0], knots[0], knots[-1])
    return (basis(inside) + basis(end, 1) * (x - inside)[:, None])[:, 1:]


def cross_fitted(rows: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Chances of every rule from eight folds of parts by statsmodels' GLM, and AUCs of pairs within folds."""
    known = [natural_spline(rows[name].to_numpy()) for name in ("use", "worth")]
    known += [
        rows[["kind"]] == "plus",
        rows[["wave"]] == "2025",
    ]  # when they were asked is known without asking
    nps, ces = (natural_spline(rows[name].to_numpy()) for name in ("nps", "ces"))
    rules = {"known": known, "nps": [*known, nps], "ces": [*known, ces], "all": [*known, nps, ces]}
    event, fold = rows["left"].to_numpy(dtype=float), rows["part"].to_numpy(dtype=int) % 8
    chances, areas = {}, {}
    for name, blocks in rules.items():
        design = sm.add_constant(np.column_stack(blocks).astype(float))
        chance, pairs = np.empty(len(event)), np.zeros(2)
        for k in range(8):
            train, test = fold != k, fold == k
            fit = sm.GLM(event[train], design[train], family=sm.families.Binomial()).fit()
            chance[test] = fit.predict(design[test])
            case = event[test] == 1
            won = mannwhitneyu(chance[test][case], chance[test][~case]).statistic
            pairs += won, case.sum() * (~case).sum()
        chances[name], areas[name] = chance, pairs[0] / pairs[1]
    return chances, areas


def signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def test_who_was_asked_and_how_often_it_happened(page: Page) -> None:
    words = page.text["need_to_know"]
    assert "2,000 were invited" in words
    assert f"{percent(page.rows['left'].mean())} had it" in words
    # some answered in both waves: an answer is not a customer
    assert page.answered["id"].duplicated().any()
    assert f"on {len(page.answered):,} answers to all of them" in words
    assert f"Of {len(page.rows):,} invitations whose outcome is known" in words


def test_gains_and_pairs(page: Page) -> None:
    known = page.areas["known"]
    words = page.text["main_points"]
    for name in ("nps", "ces"):
        assert signed(page.areas[name] - known) in words
    assert f"{known:.3f}" in words
    assert (
        f"tells {round(100 * known)} of 100 pairs apart; with all scores, {round(100 * page.areas['all'])} of"
        in words
    )


def test_the_verdict_follows_from_the_interval_it_names(page: Page) -> None:
    spans = re.findall(r"(NPS|CES) ([+−][\d.]+) to ([+−][\d.]+), ([^;.]+)", page.text["answer"])
    assert len(spans) == 2
    for name, low, high, said in spans:
        low, high = (float(x.replace("−", "-")) for x in (low, high))
        # the gain is in the middle of the interval
        assert (low + high) / 2 == pytest.approx(page.areas[name.lower()] - page.areas["known"], abs=0.0011)
        expected = "a difference" if low > 0.02 else "no difference" if max(-low, high) <= 0.02 else "too few"
        assert said.startswith(expected)


def test_rates_of_low_and_high_answers(page: Page) -> None:
    low, high = (page.first[page.first["nps"].between(*ends)]["left"] for ends in ((0, 6), (9, 10)))
    words = page.text["main_points"] + page.text["rates"]
    assert f"{percent(low.mean())} → {percent(high.mean())}" in words
    assert (
        f"Of all who answered NPS it is {percent(page.first['left'].mean())}, each customer counted once"
        in words
    )
    counts = low.sum(), len(low), high.sum(), len(high)
    ends = confint_proportions_2indep(*counts, compare="diff", method="newcomb")
    assert f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} percentage points apart" in words
    ends = confint_proportions_2indep(*counts, compare="ratio", method="score")
    assert f"{low.mean() / high.mean():.1f} times as often ({ends[0]:.1f} to {ends[1]:.1f})" in words


def test_one_more_on_the_scale(page: Page) -> None:
    first = page.first
    fit = sm.Logit(first["left"].astype(float), sm.add_constant(first[["nps"]])).fit(disp=0)
    odds, (low, high) = np.exp(fit.params["nps"]), np.exp(fit.conf_int().loc["nps"])
    assert f"odds × {odds:.2f} ({low:.2f} to {high:.2f})" in page.text["rates"]
    effect = fit.get_margeff()
    low, high = 100 * effect.conf_int()[0]
    said = f"{signed(100 * effect.margeff[0], 1)} percentage points ({signed(low, 1)} to {signed(high, 1)})"
    assert said in page.text["rates"]


def test_asymmetry_of_low_and_high_answers(page: Page) -> None:
    first = page.first
    groups = pd.DataFrame({"low": first["nps"] <= 6, "high": first["nps"] >= 9}).astype(float)
    fit = sm.Logit(first["left"].astype(float), sm.add_constant(groups)).fit(disp=0)
    low, high = (
        f"{signed(fit.params[name], 2)} ({signed(ends[0], 2)} to {signed(ends[1], 2)})"
        for name, ends in fit.conf_int().drop(index="const").iterrows()
    )
    assert f"log-odds are {low} and the highest group's {high}" in page.text["rates"]


def test_each_score_alone(page: Page) -> None:
    case = page.first["left"].to_numpy()
    for name in ("nps", "ces"):
        score = page.first[name].to_numpy()
        area = mannwhitneyu(score[~case], score[case]).statistic / (case.sum() * (~case).sum())
        assert f"{name.upper()} alone {area:.3f}" in page.text["race"]


def test_whom_the_weights_stand_for(page: Page) -> None:
    assert "stand for everyone invited of all waves taken together" in page.text["robust"]


@pytest.mark.parametrize(
    ("weightless", "repeated", "said"),
    [
        (0, False, None),
        (1, False, "1 customer has weight 0 and no part in it"),
        (12, True, "12 answers have weight 0 and no part in it"),
    ],
)
def test_who_has_no_weight(weightless: int, repeated: bool, said: str | None) -> None:
    race = SimpleNamespace(weightless=weightless)
    told = weight_notes(SimpleNamespace(weighted=race, pooled=False, repeated=repeated))
    assert told.startswith(" Weights make those who answered stand for everyone invited, group by group.")
    assert ("weight 0" in told) is (said is not None)
    assert said is None or said in told


def test_silence(page: Page) -> None:
    # every answer came on the third day, and nobody had left by then
    first = page.rows.sort_values("wave", kind="stable").drop_duplicates("id", keep="first")
    quiet = first["nps"].isna()
    silent, told = first["left"][quiet], first["left"][~quiet]
    words = page.text["main_points"] + page.text["silence"]
    assert f"Answered {percent(told.mean())}; Did not answer {percent(silent.mean())}" in words
    low, high = confint_proportions_2indep(silent.sum(), len(silent), told.sum(), len(told), method="newcomb")
    assert signed(100 * (silent.mean() - told.mean()), 1) in words
    assert f"{signed(100 * low, 1)} to {signed(100 * high, 1)}" in words


def test_what_the_usual_cuts_keep(page: Page) -> None:
    def likelihood(of: np.ndarray) -> float:
        table = pd.crosstab(of, page.first["left"]).to_numpy(dtype=float)
        rate = table / table.sum(axis=1, keepdims=True)
        return float(np.sum(table * np.log(np.where(table > 0, rate, 1))))

    nps = page.first["nps"].to_numpy()
    nothing, everything = likelihood(np.zeros(len(nps))), likelihood(nps)
    chance = (len(np.unique(nps)) - 1) / 2
    kept = {
        # half a unit of likelihood comes by chance for each rate beyond the first
        (a, b): min(
            (likelihood(np.searchsorted([a, b], nps)) - nothing - 1) / (everything - nothing - chance), 1
        )
        for a in range(9)
        for b in range(a + 1, 10)
    }
    assert len(kept) == 45
    assert f"0–6, 7–8, 9–10 keep {percent(kept[6, 8], 0)}" in page.text["cuts"]
    best = max(kept.values())
    assert f" keep {percent(best, 0)}" in page.text["cuts"]


def test_calibration_and_brier_score(page: Page) -> None:
    event, chance = page.answered["left"].astype(float).to_numpy(), page.chances["all"]
    logit = np.log(chance / (1 - chance))
    slope = sm.GLM(event, sm.add_constant(logit), family=sm.families.Binomial()).fit().params[1]
    words = page.text["method"]
    said, low, high = map(float, re.search(r"slope ([\d.]+) \(([\d.]+) to ([\d.]+);", words).groups())
    assert said == round(slope, 2)
    assert (low + high) / 2 == pytest.approx(slope, abs=0.011)
    assert f"observed to expected {event.mean() / chance.mean():.2f}" in words
    brier, base = np.mean((event - chance) ** 2), event.mean() * (1 - event.mean())
    assert f"Brier score {brier:.4f}, {percent(1 - brier / base)} below" in words


def test_profit_at_the_costs_given(page: Page) -> None:
    worth = page.rows["worth"].mean()
    threshold = COST / (SUCCESS * worth)
    event = page.answered["left"].to_numpy()

    def profit(rule: str) -> float:
        called = page.chances[rule] >= threshold
        return 1000 * np.mean(called * (event * SUCCESS * worth - COST))

    def reached(rule: str) -> float:
        called = page.chances[rule] >= threshold
        return 1000 * np.mean(called * (event - (1 - event) * threshold / (1 - threshold)))

    words = page.text["decision"]
    # the picture's headline is of the same threshold as the profit below it, not of the nearest one drawn
    found = re.search(
        rf"at a threshold of {percent(threshold)}(?:: ([+−][\d.]+) to ([+−][\d.]+) of 1,000)?", words
    )
    more = reached("all") - reached("known")
    if found[1]:
        low, high = (float(end.replace("−", "-")) for end in found.groups())
        assert (low + high) / 2 == pytest.approx(more, abs=0.11)
    else:
        assert f"reaches {abs(more):.1f} more" in words
    for rule, label in (("nps", "NPS"), ("ces", "CES"), ("all", "all scores")):
        more = profit(rule) - profit("known")
        found = re.search(rf"With {label} ([+−][\d,]+)", words)
        assert float(found[1].replace(",", "").replace("−", "-")) == pytest.approx(more, abs=0.5001)


def test_a_list_of_those_most_at_risk(page: Page) -> None:
    event, worth = page.answered["left"].to_numpy(), page.answered["worth"].to_numpy()
    for rule, label in (("known", "Known without asking"), ("nps", "With NPS"), ("all", "With all scores")):
        chance = page.chances[rule]
        # customers asked twice have the same chance in both waves: places of a tie are shared
        above, tied = (np.array([how(chance, c).sum() for c in chance]) for how in (np.greater, np.isclose))
        fits = np.clip((len(event) / 10 - above) / tied, 0, 1)
        lift = (event @ fits) / event.sum() / 0.1
        value = ((event * worth) @ fits) / (event @ worth) / 0.1
        reached = [chance >= c - 1e-12 for c in chance[event]]
        precision = np.mean([event[who].mean() for who in reached])
        found = page.lists[label]
        assert (found[0], found[2], found[4]) == (f"{lift:.1f}", f"{value:.1f}", f"{precision:.3f}")


def test_how_steady_answers_are(page: Page) -> None:
    twice = page.answered.pivot_table(index="id", columns="wave", values="ces").dropna()
    words = page.text["robust"]
    found = re.search(r"Asked again, (\d+) % give (CES|NPS) the same answer", words)
    column = found[2].lower()
    twice = page.answered.pivot_table(index="id", columns="wave", values=column).dropna()
    assert found[1] == f"{100 * np.mean(twice['2024'] == twice['2025']):.0f}"


def test_the_share_who_left_by_group_of_answers(page: Page) -> None:
    # everybody was watched for 300 days from the answer, so that the curves end at plain shares
    days = (pd.to_datetime(page.first["gone"]) - pd.to_datetime(page.first["answered"])).dt.days
    for low, high in ((0, 6), (7, 8), (9, 10)):
        share = days[page.first["nps"].between(low, high)].between(0, 300).mean()
        assert f"{low} to {high}: {percent(share)}" in page.text["time"]
