"""Parameters are checked once, in the user's terms."""

from __future__ import annotations

import pytest

from cxstats.parameters import Count, Level, Margin, Seed, checked


@pytest.mark.parametrize(
    ("name", "value", "kind", "message"),
    [
        ("level", 95, Level, r"level is 95.*Did you mean 0\.95\?"),
        ("level", 1.0, Level, "level is 1.0, but must be a share from 0.5 to below 1"),
        ("level", "high", Level, "level is 'high'"),
        ("level", True, Level, "level is True"),
        ("margin", 0, Margin, "margin is 0"),
        ("margin", float("inf"), Margin, "margin is inf"),
        ("population", 0, Count, "population is 0"),
        ("seed", -1, Seed, "seed is -1"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    name: str, value: object, kind: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        checked(name, value, kind)


def test_right_values_pass_unchanged() -> None:
    assert checked("level", 0.9, Level) == 0.9
    assert checked("population", 40_000, Count) == 40_000
