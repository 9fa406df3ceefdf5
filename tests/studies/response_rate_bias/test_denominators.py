"""Who counts as invited and as answering, and what customers that repeat and weights do to intervals."""

from __future__ import annotations

import numpy as np
import pytest

import cxstats as cx

OUTCOME = 'outcomes: {left: {column: left, event: "1", label: Left}}'


def test_answers_of_a_follow_up_are_in_no_response_rate(make_survey, invitations) -> None:
    rng = np.random.default_rng(5)
    columns = invitations(3_000)
    everyone = invitations(3_000, rate=0.9999)["nps"]
    silent = [i for i, score in enumerate(columns["nps"]) if not score]
    drawn = set(rng.choice(silent, 600, replace=False).tolist())
    columns["again"] = ["1" if i in drawn else "0" for i in range(3_000)]
    columns["left"] = rng.choice(["0", "1"], 3_000, p=[0.8, 0.2]).tolist()
    columns["nps"] = [everyone[i] if i in drawn else score for i, score in enumerate(columns["nps"])]
    first = 3_000 - len(silent)
    more = f'follow_up: {{column: again, values: ["1"]}}\n{OUTCOME}'
    numbers = cx.response_rate_bias(make_survey(columns, groups=("segment", "use"), more=more)).numbers
    assert numbers.n == first
    assert numbers.stages[-1].n == first
    for table in numbers.rates:
        if table.name in ("segment", "use"):
            assert sum(row.n for row in table.rows) == first, table.name
    assert [d.n for d in numbers.defects] == [first]


def test_customers_never_invited_are_in_no_defect(tmp_path, invitations) -> None:
    columns = invitations(3_000)
    rng = np.random.default_rng(6)
    asked = rng.random(3_000) < 0.6
    given = asked & np.array([bool(score) for score in columns["nps"]])
    # those never invited leave much more: not the answers' fault
    left = rng.random(3_000) < np.where(asked, 0.1, 0.6)
    listed = ["id,sent,segment,use,left"]
    answers = ["id,nps"]
    for i in range(3_000):
        sent = "2025-01-15" if asked[i] else ""
        listed.append(f"{i},{sent},{columns['segment'][i]},{columns['use'][i]},{int(left[i])}")
        if given[i]:
            answers.append(f"{i},{columns['nps'][i]}")
    (tmp_path / "customers.csv").write_text("\n".join(listed) + "\n", encoding="utf-8")
    (tmp_path / "answers.csv").write_text("\n".join(answers) + "\n", encoding="utf-8")
    (tmp_path / "survey.yml").write_text(
        "title: Coverage\nresponses: {file: answers.csv}\ncustomer: id\ninvited: sent\n"
        "frame: {file: customers.csv, holds: customers}\nscores: {nps: {column: nps, scale: 0-10}}\n"
        "groups: {segment: {column: segment}, use: {column: use}}\n" + OUTCOME + "\n",
        encoding="utf-8",
    )
    numbers = cx.response_rate_bias(cx.open_survey(tmp_path / "survey.yml")).numbers
    assert numbers.invited == asked.sum()
    assert numbers.coverage.customers == 3_000
    assert numbers.defects[0].error == pytest.approx(100 * (left[given].mean() - left[asked].mean()))


def doubled(columns: dict[str, list]) -> dict[str, list]:
    """Every customer invited twice, doing the same both times."""
    n = len(columns["nps"])
    return {"id": [*range(n), *range(n)], "sent": ["2025-01-15"] * n + ["2025-02-15"] * n} | {
        name: [*values, *values] for name, values in columns.items()
    }


def test_customers_invited_twice_do_not_make_intervals_shorter(make_survey, invitations) -> None:
    columns = invitations(1_500)
    columns["left"] = np.random.default_rng(7).choice(["0", "1"], 1_500, p=[0.7, 0.3]).tolist()
    one, two = (
        cx.response_rate_bias(make_survey(c, groups=("segment", "use"), more=OUTCOME)).numbers
        for c in (columns, doubled(columns))
    )

    def widths(numbers) -> dict[str, float]:
        row = next(t for t in numbers.rates if t.name == "segment").rows[0]
        check = numbers.checks[0]
        return {
            "stage": numbers.stages[-1].high - numbers.stages[-1].low,
            "rate": row.high - row.low,
            "R": numbers.reach.r_high - numbers.reach.r_low,
            "check": check.gap_high - check.gap_low,
            "defect": numbers.defects[0].limit,
        }

    once, twice = widths(one), widths(two)
    for name, width in once.items():
        # a jackknife over 64 parts is itself off by a tenth or two; taken as other customers: 0.71
        assert twice[name] == pytest.approx(width, rel=0.27), name


def test_what_weights_sum_to_changes_nothing(make_survey, invitations) -> None:
    rng = np.random.default_rng(8)
    columns = invitations(1_500)
    weight = rng.choice([1.0, 2.0], 1_500)
    found = []
    for scale in (1, 50):
        columns["weight"] = (weight * scale).tolist()
        survey = make_survey(columns, groups=("segment", "use"), more="weight: weight")
        found.append(cx.response_rate_bias(survey).numbers)
    one, other = found
    assert other.plan.n == one.plan.n
    assert other.worst == pytest.approx(one.worst)
    assert other.verdict is one.verdict
    assert other.region.low == pytest.approx(one.region.low, abs=1e-3)


def test_customers_invited_twice_in_one_wave_count_once_in_what_weighting_is_tested_on(
    make_survey, invitations
) -> None:
    columns = invitations(1_500)
    columns["left"] = np.random.default_rng(7).choice(["0", "1"], 1_500, p=[0.7, 0.3]).tolist()
    columns["wave"] = ["w1"] * 1_500
    more = f"wave: {{column: wave, order: [w1]}}\n{OUTCOME}"
    one, two = (
        cx.response_rate_bias(make_survey(c, groups=("segment", "use"), more=more)).numbers.checks[0]
        for c in (columns, doubled(columns))
    )
    assert two.gap == pytest.approx(one.gap)
    # taken as other customers: 0.71
    assert two.gap_high - two.gap_low == pytest.approx(one.gap_high - one.gap_low, rel=0.2)
    once, twice = (c.gap_weighted_high - c.gap_weighted_low for c in (one, two))
    assert twice == pytest.approx(once, rel=0.2)


def test_a_design_weight_is_as_many_customers_but_not_as_many_answers(make_survey, invitations) -> None:
    columns = invitations(3_000, by_frame=0.5, seed=3)
    # segment c was invited at half the rate of the others
    twice = np.array(columns["segment"]) == "c"
    weighted = make_survey(
        columns | {"weight": np.where(twice, 2, 1).tolist()}, groups=("segment", "use"), more="weight: weight"
    )
    found = cx.response_rate_bias(weighted).numbers
    rows = np.concatenate([np.arange(3_000), np.flatnonzero(twice)])
    copied = {name: np.array(values)[rows].tolist() for name, values in columns.items()}
    copied = {"id": range(len(rows)), "sent": ["2025-01-15"] * len(rows)} | copied
    every = cx.response_rate_bias(make_survey(copied, groups=("segment", "use"))).numbers
    assert found.n == sum(bool(score) for score in columns["nps"])
    assert found.published.value == pytest.approx(every.published.value)
    assert found.weighted.value == pytest.approx(every.weighted.value, abs=1e-6)
    assert found.worst == pytest.approx(every.worst, abs=1e-6)
    assert found.reach.cv == pytest.approx(every.reach.cv, abs=0.01)
    # the proxy learns from so many answers as there are, and folds are other ones
    assert (found.region.first, found.region.last) == pytest.approx(
        (every.region.first, every.region.last), abs=0.6
    )
    for one, copy in zip((*found.choices, *found.balance), (*every.choices, *every.balance), strict=True):
        for name in ("value", "population", "answers", "weighted", "difference"):
            if hasattr(one, name) and getattr(one, "key", "") != "doubly_robust":
                assert getattr(one, name) == pytest.approx(getattr(copy, name), abs=1e-6), one
    # copies are no answers
    assert found.published.effective_n <= found.n < every.n
    assert found.published.standard_error > 1.1 * every.published.standard_error
    assert found.weighted.standard_error > 1.05 * every.weighted.standard_error


def test_what_was_completed_in_a_follow_up_is_no_completed_first_invitation(make_survey, invitations) -> None:
    rng = np.random.default_rng(5)
    columns = invitations(2_000)
    silent = [i for i, score in enumerate(columns["nps"]) if not score]
    drawn = set(rng.choice(silent, 400, replace=False).tolist())
    columns["nps"] = ["9" if i in drawn else score for i, score in enumerate(columns["nps"])]
    columns["again"] = ["1" if i in drawn else "0" for i in range(2_000)]
    columns["done"] = ["1" if score else "0" for score in columns["nps"]]
    columns["opened"] = ["1" if score or i % 3 else "0" for i, score in enumerate(columns["nps"])]
    more = 'follow_up: {column: again, values: ["1"]}\nstages: {opened: opened, completed: done}'
    study = cx.response_rate_bias(make_survey(columns, groups=("segment", "use"), more=more))
    stages = {stage.label: stage for stage in study.numbers.stages}
    assert stages["Completed"].n == 2_000 - len(silent)
    text = "".join(part.to_text() for part in study.section("response").parts)
    assert "may belong to the follow-up" in text


def test_what_is_known_of_those_who_answered_alone_is_no_test_of_weighting(make_survey, invitations) -> None:
    rng = np.random.default_rng(7)
    columns = invitations(2_000)
    left = rng.choice(["0", "1"], 2_000, p=[0.8, 0.2]).tolist()
    columns["left"] = [a if score else "" for a, score in zip(left, columns["nps"], strict=True)]
    columns["left"][columns["nps"].index("")] = "1"  # known of one of the silent, too
    numbers = cx.response_rate_bias(make_survey(columns, groups=("segment", "use"), more=OUTCOME)).numbers
    assert numbers.checks == ()
    assert numbers.defects == ()


def test_bands_of_whole_numbers_are_whole_numbers() -> None:
    from cxstats.studies.response_rate_bias.frame import _fifths

    bands = _fifths(np.array([0.0] * 30 + [1.0] * 40 + [2.0] * 20 + [3.0, 4.0] * 5))
    assert list(dict.fromkeys(bands)) == ["up to 0", "1", "2", "over 2"] or "over 1" in set(bands)
    assert not any("." in band for band in bands)
