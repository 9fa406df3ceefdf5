"""Waterfalls, scatters, and verdicts in the gutter of a chart of rows."""

from __future__ import annotations

import numpy as np
import pytest

from cxstats.display import theme
from cxstats.display.picture import Canvas
from cxstats.display.plots import Labelled, Line, Mark, Row, Step, interval_rows, scatter, waterfall

KINDS = ("wide", "narrow")


def drawn(draw, kind):
    with theme.drawing():
        figure = draw(Canvas(kind))
        figure.draw_without_rendering()
    return figure


STEPS = (
    Step("Japan as measured", 0, -30.4, "level", -34, -27, values=("−30.4", "−34.0 to −27.1")),
    Step(
        "Customer mix",
        -30.4,
        -29.4,
        "change",
        -33,
        -26,
        sublabel="groups alike",
        values=("+1.0", "leaves −29.4"),
    ),
    Step("Scale use", -29.4, -9, "range", -33, -4, box=(-29.4, -9), values=("0 to +20", "leaves −29 to −9")),
)
WORDS = {
    "material": "A difference that matters",
    "negligible": "No difference that matters",
    "inconclusive": "Too few answers to say",
    "not_answerable": "This data cannot say",
}


def steps(canvas):
    return waterfall(
        canvas,
        STEPS,
        axis_label="NPS points above (+) or below (−) Germany",
        columns=("step", "interval, or what is left"),
        band=(-5, 5),
        band_label="within 5 points of Germany",
    )


def verdicts(canvas):
    rows = []
    for k, verdict in enumerate(WORDS.items()):
        line = Line((Mark("observed", 10 * k, 10 * k - 4, 10 * k + 4),))
        rows.append(Row(f"Country {k}", (line,), values=(f"{k} → 1–4",), verdict=verdict))
    rows.append(Row("Germany", (Line((Mark("reference", 0),)),), verdict=("", "reference")))
    return interval_rows(
        canvas,
        rows,
        axis_label="points",
        columns=("rank",),
        band=(-5, 5),
        band_label="within 5 points",
        reference=0,
    )


def countries(canvas):
    rng = np.random.default_rng(1)
    points = [
        Labelled(f"Country {i}", float(x), float(y), float(y) - 2, float(y) + 2)
        for i, (x, y) in enumerate(rng.normal(50, 15, size=(23, 2)))
    ]
    return scatter(canvas, points, x_label="Individualism", y_label="Answers at either end, percent")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("draw", [steps, verdicts, countries])
def test_no_text_leaves_the_picture_or_stands_over_another(draw, kind):
    figure = drawn(draw, kind)
    width, height = figure.get_size_inches() * 96
    boxes = [(t.get_window_extent(), t) for t in figure.texts]
    for i, (a, text) in enumerate(boxes):
        assert a.x0 >= -1.5, text.get_text()
        assert a.x1 <= width + 1.5, text.get_text()
        assert a.y0 >= -1.5, text.get_text()
        assert a.y1 <= height + 1.5, text.get_text()
        assert text.get_fontsize() >= 9
        for b, other in boxes[i + 1 :]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            assert wide <= 1 or high <= 4.5, (text.get_text(), other.get_text())


@pytest.mark.parametrize("kind", KINDS)
def test_steps_begin_where_the_one_before_ended(kind):
    figure = drawn(steps, kind)
    bars = [c for c in figure.axes[0].collections if c.get_alpha() == pytest.approx(0.32)]
    spans = [(p.vertices[:, 0].min(), p.vertices[:, 0].max()) for c in bars for p in c.get_paths()]
    assert spans[0] == pytest.approx((-30.4, 0))
    assert spans[1] == pytest.approx((-30.4, -29.4))


def test_a_waterfall_refuses_what_is_no_step():
    with pytest.raises(ValueError, match="at least one step"):
        waterfall(Canvas(), [], axis_label="x")
    with pytest.raises(ValueError, match='"level", "change" or "range"'):
        waterfall(Canvas(), [Step("a", 0, 1, "jump")], axis_label="x")


@pytest.mark.parametrize("kind", KINDS)
def test_every_verdict_has_its_pictogram_and_words(kind):
    figure = drawn(verdicts, kind)
    said = " ".join(t.get_text() for t in figure.texts)
    for words in WORDS.values():
        assert all(word in said for word in words.split())
    # one axes for the chart, one per pictogram; none for the reference
    assert len(figure.axes) == 1 + len(WORDS)
    bold = {t.get_text() for t in figure.texts if t.get_fontweight() == 700}
    assert any("A difference" in text for text in bold)
    assert not any("Too few" in text for text in bold)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scatter_names_its_outermost_points(kind):
    figure = drawn(countries, kind)
    named = [t.get_text() for t in figure.texts if t.get_text().startswith("Country")]
    assert 3 <= len(named) <= 23
    assert len(set(named)) == len(named)
    assert not figure.axes[0].lines[
        len([line for line in figure.axes[0].lines if line.get_color() == theme.GRID]) :
    ]


def test_a_scatter_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one point"):
        scatter(Canvas(), [], x_label="x", y_label="y")
