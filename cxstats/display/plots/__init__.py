"""Charts that all studies share. Each takes a canvas and finished numbers, and returns a matplotlib Figure.

Every chart is laid out in CSS pixels and drawn twice by its figure: on the wide canvas labels stand
left and values in a right-aligned gutter; on the narrow one labels stand above rows, numbers beside
marks, and the band only behind marks. Points and lines are drawn with seaborn, on an axes handed to it.

    Figure(..., draw=lambda canvas: interval_rows(canvas, rows, axis_label="NPS, points"), ...)
"""

from cxstats.display.plots.bands import Band, band_strip
from cxstats.display.plots.curves import Series, Spot, curves
from cxstats.display.plots.items import Heading, Line, Mark, Row, row
from cxstats.display.plots.race import Entrant, Panel, race
from cxstats.display.plots.rows import Ranked, interval_rows, place_text, ranks
from cxstats.display.plots.scatter import Labelled, scatter
from cxstats.display.plots.sheet import Role, measure, wrap
from cxstats.display.plots.trend import Wave, trend
from cxstats.display.plots.waterfall import Step, waterfall

__all__ = [
    "Band",
    "Entrant",
    "Heading",
    "Labelled",
    "Line",
    "Mark",
    "Panel",
    "Ranked",
    "Role",
    "Row",
    "Series",
    "Spot",
    "Step",
    "Wave",
    "band_strip",
    "curves",
    "interval_rows",
    "measure",
    "place_text",
    "race",
    "ranks",
    "row",
    "scatter",
    "trend",
    "waterfall",
    "wrap",
]
