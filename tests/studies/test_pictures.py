"""What the pictures of every study share."""

from __future__ import annotations

import pytest

from cxstats.studies.pictures import Source


@pytest.mark.parametrize(
    ("period", "line"),
    [
        ("March 2025", "12 answers. Source: Shops, March 2025."),
        ("period not stated", "12 answers. Source: Shops."),
    ],
)
def test_a_source_line_says_no_period_where_none_is_known(period: str, line: str) -> None:
    assert Source("Shops", period, simulated=False).line("12 answers") == line
