"""The pictures of the response-style report, each with its headline and the numbers behind it."""

from __future__ import annotations

from cxstats.display.parts import Figure
from cxstats.studies.extreme_response_bias.evidence_figures import (
    assumptions_figure,
    culture_figure,
    designs_figure,
    facts_table,
    naive_figure,
)
from cxstats.studies.extreme_response_bias.gap_figures import gaps_figure, steps_figure
from cxstats.studies.extreme_response_bias.numbers import Numbers
from cxstats.studies.extreme_response_bias.scale_figures import spread_figure, style_figure
from cxstats.studies.pictures import Source

__all__ = ["Source", "all_figures", "facts_table"]


def all_figures(numbers: Numbers, source: Source) -> dict[str, Figure]:
    """Every figure that the data can fill, by key, in the page's order."""
    if not numbers.pairs:
        return {}
    main = numbers.main
    made = [gaps_figure(numbers, source)]
    made += [steps_figure(numbers, source)] if main.fitted else []
    made += [spread_figure(numbers, source)] if numbers.spread else []
    made += [style_figure(numbers, source)] if numbers.items else []
    made += [assumptions_figure(numbers, source), naive_figure(numbers, source)] if main.fitted else []
    made += [designs_figure(numbers, source)] if any(design.gaps for design in numbers.designs) else []
    made += [culture_figure(numbers, source)] if numbers.culture else []
    return {figure.key: figure for figure in made}
