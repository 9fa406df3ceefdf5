"""A figure as a slide: 1920 × 1080 pixels with headline, key and source inside, for a presentation.

The picture is the page's own, rasterised at the size that fits; nothing is computed or drawn anew. Wide
pictures stand below their headline, tall ones beside it, whichever lets the picture be larger.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from cxstats.display import theme
from cxstats.display.marks import KEY_SAMPLES
from cxstats.display.plain import plain_text, printable

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure as MplFigure

__all__ = ["SLIDES_VARIABLE", "Words", "slide_png", "slides_wanted"]

SLIDES_VARIABLE = "CXSTATS_SLIDES"
"""Environment variable that asks for slides: the runner of reports sets it, a notebook at hand need not wait."""

_WIDTH, _HEIGHT, _DPI = 960, 540, 192  # CSS pixels, and device pixels per 96 of them
_MARGIN, _COLUMN, _GAP = 40.0, 290.0, 30.0
_COLOURS = 256  # of the PNG: two data colours and their shades on white


def slides_wanted() -> bool:
    """Whether figures are to bring their slides along."""
    return os.environ.get(SLIDES_VARIABLE) == "1"


@dataclass(frozen=True, slots=True)
class Words:
    """What stands on a slide beside the picture."""

    headline: str
    subtitle: str
    source: str
    key_marks: Sequence[tuple[str, str]] = ()

    @property
    def all(self) -> str:
        """Every character, for the choice of fonts."""
        return "".join([self.headline, self.subtitle, self.source, *(words for _, words in self.key_marks)])


@dataclass(frozen=True, slots=True)
class _Text:
    x: float
    y: float
    text: str
    size: float
    bold: bool
    colour: str


@dataclass(frozen=True, slots=True)
class _Layout:
    texts: list[_Text]
    samples: list[tuple[float, float, str]]
    box: tuple[float, float, float, float]  # left, top, width, height that the picture may take

    def scale(self, width: float, height: float) -> float:
        return min(self.box[2] / width, self.box[3] / height)


def slide_png(figure: MplFigure, words: Words) -> bytes:
    """The slide of a drawn figure, as PNG. The same figure gives the same bytes.

    Parameters
    ----------
    figure : a picture of the page, without headline or source.
    words : what stands around it; ``**bold**`` and links lose their marks.
    """
    from PIL import Image

    width, height = (float(inches) * 96 for inches in figure.get_size_inches())
    clean = Words(
        plain_text(words.headline),
        plain_text(words.subtitle),
        plain_text(words.source),
        [(mark, printable(text)) for mark, text in words.key_marks],
    )
    with theme.drawing(clean.all):
        layout = max((_above(clean), _beside(clean)), key=lambda one: one.scale(width, height))
        page = _page(layout)
    # a picture of a few rows would fill the slide with giant letters
    scale = min(layout.scale(width, height), 1.25)
    picture = _raster(figure, _DPI * scale)
    left, top, room_width, room_height = (_device(px) for px in layout.box)
    picture = picture[:room_height, :room_width]
    top += (room_height - picture.shape[0]) // 3
    left += (room_width - picture.shape[1]) // 2
    page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    image = Image.fromarray(page).quantize(
        _COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=6, dpi=(_DPI, _DPI))
    return buffer.getvalue()


def _device(px: float) -> int:
    return round(px * _DPI / 96)


def _raster(figure: MplFigure, dpi: float) -> np.ndarray:
    """The figure's pixels, shape (height, width, 3)."""
    import numpy as np

    buffer = io.BytesIO()
    before = figure.dpi
    figure.savefig(buffer, format="rgba", dpi=dpi, facecolor="white")
    figure.dpi = before
    inches = figure.get_size_inches()
    width, height = (int(round(float(side) * dpi, 6)) for side in inches)
    pixels = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
    return pixels.reshape(height, width, 4)[:, :, :3]


# ---------------------------------------------------------------- layouts


def _above(words: Words) -> _Layout:
    """Headline and key over the picture, the source under it."""
    width = _WIDTH - 2 * _MARGIN
    texts: list[_Text] = []
    y = _lines(texts, words.headline, _MARGIN, _MARGIN - 4, width, 24, bold=True)
    y = _lines(texts, words.subtitle, _MARGIN, y + 4, width, 14, colour=theme.SECONDARY)
    samples: list[tuple[float, float, str]] = []
    x, y = _MARGIN, y + 8
    for mark, text in words.key_marks:
        needed = 44 + _measure(text, 12)
        if x > _MARGIN and x + needed > _WIDTH - _MARGIN:
            x, y = _MARGIN, y + 20
        samples.append((x, y, mark))
        _lines(texts, text, x + 44, y - 1, width, 12, colour=theme.INK)
        x += needed + 22
    if words.key_marks:
        y += 20
    bottom = _source(texts, words.source, _MARGIN, width)
    return _Layout(texts, samples, (_MARGIN, y + 6, width, bottom - 8 - (y + 6)))


def _beside(words: Words) -> _Layout:
    """Headline, key and source in a column, the picture to its right over the slide's whole height."""
    texts: list[_Text] = []
    y = _lines(texts, words.headline, _MARGIN, _MARGIN - 4, _COLUMN, 21, bold=True)
    y = _lines(texts, words.subtitle, _MARGIN, y + 8, _COLUMN, 13, colour=theme.SECONDARY) + 12
    samples: list[tuple[float, float, str]] = []
    for mark, text in words.key_marks:
        samples.append((_MARGIN, y, mark))
        y = _lines(texts, text, _MARGIN + 44, y - 1, _COLUMN - 44, 12) + 5
    _source(texts, words.source, _MARGIN, _COLUMN)
    left = _MARGIN + _COLUMN + _GAP
    return _Layout(
        texts, samples, (left, _MARGIN - 14, _WIDTH - _MARGIN + 14 - left, _HEIGHT - 2 * _MARGIN + 28)
    )


def _lines(
    texts: list[_Text],
    text: str,
    x: float,
    y: float,
    width: float,
    px: float,
    *,
    bold: bool = False,
    colour: str = theme.INK,
) -> float:
    """Add a text in lines; returns where the next thing may begin."""
    from cxstats.display.plots.sheet import wrap

    leading = px * 1.3
    lines = wrap(text, width, px * 0.75, bold)
    for k, line in enumerate(lines):
        texts.append(_Text(x, y + leading * k + px * 1.02, line, px, bold, colour))
    return y + leading * len(lines)


def _source(texts: list[_Text], text: str, x: float, width: float) -> float:
    """The source at the foot of the slide; returns its top."""
    from cxstats.display.plots.sheet import wrap

    height = 11 * 1.3 * len(wrap(text, width, 11 * 0.75))
    top = _HEIGHT - _MARGIN + 14 - height
    _lines(texts, text, x, top, width, 11, colour=theme.SECONDARY)
    return top


def _measure(text: str, px: float) -> float:
    from cxstats.display.plots.sheet import measure

    return measure(text, px * 0.75)


def _page(layout: _Layout) -> np.ndarray:
    """The slide without its picture, shape (1080, 1920, 3)."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 96, _HEIGHT / 96), dpi=_DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for one in layout.texts:
        figure.text(
            one.x / _WIDTH,
            1 - one.y / _HEIGHT,
            one.text,
            fontsize=one.size * 0.75,
            fontweight=700 if one.bold else 400,
            color=one.colour,
            va="baseline",
        )
    for x, y, mark in layout.samples:
        _sample(figure, x, y, mark)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


# ---------------------------------------------------------------- samples of the key

_STEP = re.compile(r"[A-Za-z]|-?\d*\.?\d+")


def _sample(figure: MplFigure, x: float, y: float, mark: str) -> None:
    """One of the key's samples, from the drawing that the page shows."""
    from matplotlib.patches import Circle, PathPatch
    from matplotlib.transforms import Affine2D

    place = Affine2D().translate(x, y).scale(_DPI / 96, -_DPI / 96).translate(0, _HEIGHT * _DPI / 96)
    for element in ElementTree.fromstring(f"<g>{KEY_SAMPLES[mark]}</g>"):
        have = element.attrib
        style: dict[str, Any] = {
            "facecolor": have.get("fill", "none"),
            "edgecolor": have.get("stroke", "none"),
            "linewidth": float(have.get("stroke-width", 0)) * 0.75,
        }
        if "stroke-dasharray" in have:
            on_off = [float(length) for length in have["stroke-dasharray"].split()]
            width = float(have["stroke-width"])
            style["linestyle"] = (0, tuple(length / width for length in on_off))
        if element.tag == "circle":
            patch: Any = Circle((float(have["cx"]), float(have["cy"])), float(have["r"]), **style)
        else:
            patch = PathPatch(_path(have["d"]), **style)
        patch.set_transform(place)
        figure.add_artist(patch)


def _path(steps: str) -> Any:
    """A path of the commands that the samples use: M L H V Z and their relative forms."""
    from matplotlib.path import Path

    tokens = _STEP.findall(steps)
    vertices: list[tuple[float, float]] = []
    codes: list[int] = []
    x = y = 0.0
    start = (0.0, 0.0)
    command, i = "M", 0
    while i < len(tokens):
        if tokens[i].isalpha():
            command, i = tokens[i], i + 1
        kind, relative = command.upper(), command.islower()
        if kind == "Z":
            vertices.append(start)
            codes.append(Path.CLOSEPOLY)
            x, y = start
            continue
        if kind == "H":
            x, i = float(tokens[i]) + (x if relative else 0), i + 1
        elif kind == "V":
            y, i = float(tokens[i]) + (y if relative else 0), i + 1
        else:
            x, y = (
                float(tokens[i]) + (x if relative else 0),
                float(tokens[i + 1]) + (y if relative else 0),
            )
            i += 2
        codes.append(Path.MOVETO if kind == "M" else Path.LINETO)
        vertices.append((x, y))
        if kind == "M":
            start = (x, y)
            command = "l" if relative else "L"
    return Path(vertices, codes)
