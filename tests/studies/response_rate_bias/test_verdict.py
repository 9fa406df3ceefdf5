"""The rule, stated before any data: what each verdict needs."""

from __future__ import annotations

import numpy as np
import pytest

from cxstats.findings import Verdict
from cxstats.methods.nonignorable import net_score_bias
from cxstats.metrics import NPS
from cxstats.studies.response_rate_bias.beyond import _conditions
from cxstats.studies.response_rate_bias.frame import ANSWERED, Frame
from cxstats.studies.response_rate_bias.numbers import FollowUp, Region, Settings, Tipping, Trust, Unseen
from cxstats.studies.response_rate_bias.study import decide, followed_up, verdict, verdict_of
from tests.methods.test_fact_directions import FACTS, invitations


def region(low: float, lowest: float, highest: float, high: float) -> Region:
    return Region(lowest, highest, lowest, highest, low, high)


def unseen(*holds: bool) -> Unseen:
    conditions = tuple(Trust(f"c{i}", "", "", held) for i, held in enumerate(holds))
    empty = np.empty(0)
    return Unseen(0.6, 1.0, (), empty, empty, empty, empty, conditions)


def tipping(agrees: bool) -> Tipping:
    empty = np.empty(0)
    return Tipping(empty, empty, empty, empty, 1.5, empty, empty, empty, empty, agrees=agrees)


WORST = (-60.0, 80.0)


@pytest.mark.parametrize(
    ("found", "trusted", "agrees", "expected"),
    [
        (region(5.8, 7, 35, 40), True, False, Verdict.MATERIAL),
        (region(-40, -35, -7, -5.1), True, True, Verdict.MATERIAL),
        (region(5.8, 7, 35, 40), False, True, Verdict.NOT_ANSWERABLE),  # the range cannot be trusted
        (region(-3, -1, 2, 4), True, True, Verdict.NEGLIGIBLE),
        (region(-3, -1, 2, 4), True, False, Verdict.NOT_ANSWERABLE),  # both ends may answer more
        (region(-3, -1, 2, 4), False, True, Verdict.NOT_ANSWERABLE),
        (region(4, 6, 9, 11), True, True, Verdict.INCONCLUSIVE),  # sampling error alone crosses
        (region(-6, -1, 2, 4), True, True, Verdict.INCONCLUSIVE),
        (region(2, 4, 9, 11), True, True, Verdict.NOT_ANSWERABLE),  # the assumption alone crosses
    ],
)
def test_each_verdict_needs_what_the_rule_says(found, trusted, agrees, expected) -> None:
    assert verdict(found, unseen(trusted), tipping(agrees), margin=5, worst=WORST) is expected


def test_without_a_range_nothing_is_said() -> None:
    assert verdict(None, None, None, margin=5, worst=WORST) is Verdict.NOT_ANSWERABLE


def test_a_worst_case_on_one_side_needs_no_assumption() -> None:
    assert verdict(None, None, None, margin=5, worst=(-1.0, 3.0)) is Verdict.NEGLIGIBLE
    assert verdict(None, None, None, margin=5, worst=(6.0, 30.0)) is Verdict.MATERIAL


def follow_up(low: float, high: float, low_unbounded: float, high_unbounded: float) -> FollowUp:
    return FollowUp(100, 80, 20, 17, 23, 10, 30, (low + high) / 2, low, high, low_unbounded, high_unbounded)


def test_a_follow_up_is_firm_only_whatever_the_rest_would_say() -> None:
    assert followed_up(follow_up(11, 17, 6, 22), 5) is Verdict.MATERIAL
    assert followed_up(follow_up(11, 17, 1, 27), 5) is Verdict.NOT_ANSWERABLE
    assert followed_up(follow_up(-2, 2, -4, 4), 5) is Verdict.NEGLIGIBLE
    assert followed_up(follow_up(-3, 12, -13, 27), 5) is Verdict.INCONCLUSIVE


def test_a_fact_that_hides_what_satisfaction_does_is_named() -> None:
    cells = invitations(40_000, 2, slope=0.5, against=0.4)
    model = net_score_bias(cells, NPS, FACTS, score="nps", draws=200)
    conditions = _conditions(model, {"plan": "Kind of plan"})
    (facts,) = (one for one in conditions if one.key == "facts")
    assert not facts.holds
    assert "answers go with “Kind of plan” the other way than with the rest" in facts.fails
    assert "Kind of plan" in facts.found
    seen = Unseen(0.6, 1.0, (), np.empty(0), np.empty(0), np.empty(0), np.empty(0), conditions)
    firm = region(-3, -1, 2, 4)
    assert verdict(firm, seen, tipping(True), margin=5, worst=WORST) is Verdict.NOT_ANSWERABLE


@pytest.mark.parametrize(
    ("n", "slope", "against", "rate", "expected"),
    [
        (60_000, 0.0, 0.0, -0.5, Verdict.NEGLIGIBLE),
        (60_000, 1.5, 0.0, 0.0, Verdict.MATERIAL),
        (60_000, 0.25, 0.0, -0.5, Verdict.INCONCLUSIVE),  # sampling error alone crosses the margin
        (60_000, 0.2, 0.0, -0.5, Verdict.NOT_ANSWERABLE),  # the range over φ alone does
        (60_000, 0.6, 0.5, -0.5, Verdict.NOT_ANSWERABLE),  # facts against one another
        (3_000, 1.5, 0.0, -1.5, Verdict.NOT_ANSWERABLE),  # too few to see whether response rises throughout
        (3_000, 0.0, 0.0, 5.0, Verdict.NEGLIGIBLE),  # nearly everyone answered: the worst case decides
    ],
)
def test_the_short_way_reaches_the_same_verdict(n, slope, against, rate, expected) -> None:
    parts = invitations(n, 4, slope=slope, against=against, rate=rate).rename(columns={"responded": ANSWERED})
    cells = parts.groupby([*FACTS, "nps", ANSWERED], dropna=False, as_index=False)["n"].sum()
    frame = Frame(cells, parts, cells, {name: name for name in FACTS}, (), (), "", True)
    chosen = Settings("nps", 5.0, 0.95, None, "raking", None, None, 10, 1)
    assert decide(frame, NPS, chosen)[0] is expected
    assert verdict_of(frame, NPS, chosen) is expected
