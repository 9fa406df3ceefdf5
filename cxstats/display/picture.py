"""Drawing a figure for the page: twice (wide and narrow), without pyplot, the same bytes every time."""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

from cxstats.display import theme
from cxstats.display.plain import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure
    from matplotlib.text import Text

__all__ = ["MANY_MARKS", "Canvas", "Draw", "Picture", "compact_svg", "n_marks", "paint"]

MANY_MARKS = 2000
_PX_PER_INCH = 96


@dataclass(frozen=True, slots=True)
class Canvas:
    """Where a figure is drawn: 720 px wide for a screen or paper, 328 px for a phone.

    ``draw(canvas)`` is called once for each. The narrow picture is redrawn, not shrunk: labels stand
    above rows, numbers beside marks.

    >>> Canvas("wide").px, Canvas("narrow").wide
    (720.0, False)
    """

    kind: Literal["wide", "narrow"] = "wide"

    @property
    def wide(self) -> bool:
        """Whether this is the wide one."""
        return self.kind == "wide"

    @property
    def inches(self) -> float:
        """Width in inches."""
        return theme.WIDE_INCHES if self.wide else theme.NARROW_INCHES

    @property
    def px(self) -> float:
        """Width in CSS pixels."""
        return round(self.inches * _PX_PER_INCH, 2)

    def figure(self, height_px: float) -> MplFigure:
        """An empty figure of this width, made without pyplot's global state."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.inches, height_px / _PX_PER_INCH))
        FigureCanvasAgg(figure)
        return figure


Draw = Callable[[Canvas], "MplFigure"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawn picture.

    Attributes
    ----------
    mime : "image/svg+xml", or "image/png" above some 2,000 marks.
    data : the SVG text, or the PNG in base64.
    width, height : size in CSS pixels.
    missing_glyphs : characters that no font here can draw; a browser may know them, a PNG cannot.
    """

    mime: str
    data: str
    width: int
    height: int
    missing_glyphs: str = ""

    def to_json(self) -> dict[str, object]:
        """The picture as plain data."""
        return {"mime": self.mime, "data": self.data, "width": self.width, "height": self.height}


def picture_uri(picture: dict[str, object]) -> str:
    """A picture's plain data as a ``data:`` address; anything but SVG and PNG is refused."""
    mime, data = picture["mime"], str(picture["data"])
    if mime == "image/svg+xml":
        return f"data:image/svg+xml;base64,{base64.b64encode(data.encode()).decode('ascii')}"
    if mime == "image/png":
        base64.b64decode(data, validate=True)
        return f"data:image/png;base64,{data}"
    raise ValueError(f"a figure is SVG or PNG, not {mime!r}")


def paint(
    draw: Draw, kind: Literal["wide", "narrow"], *, also: Callable[[MplFigure], None] = lambda figure: None
) -> Picture:
    """The picture that ``draw`` makes on a canvas of this kind.

    ``also`` is called with the finished figure, while the settings and fonts that it was drawn with hold.

    Raises
    ------
    TypeError : ``draw`` returned something else than a matplotlib figure.
    """
    canvas = Canvas(kind)
    with warnings.catch_warnings():
        # Reported in Picture.missing_glyphs; text stays text, so a browser finds the glyph itself.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")
        with theme.drawing():
            figure = _drawn(draw, canvas)
            picture = _saved(figure)
            text = _texts(figure)  # once it is drawn: tick labels exist only then
            if not theme.fallback_fonts(text):
                also(figure)
                return replace(picture, missing_glyphs=theme.missing_glyphs(text))
        with theme.drawing(text):
            figure = _drawn(draw, canvas)
            picture = _saved(figure)
            also(figure)
            return replace(picture, missing_glyphs=theme.missing_glyphs(text))


def _drawn(draw: Draw, canvas: Canvas) -> MplFigure:
    from matplotlib.figure import Figure

    figure = draw(canvas)
    if not isinstance(figure, Figure):
        raise TypeError(f"draw(canvas) must return a matplotlib Figure, but returned {type(figure).__name__}")
    for text in _text_artists(figure):
        if (said := text.get_text()) != printable(said):
            text.set_text(printable(said))
    return figure


def _saved(figure: MplFigure) -> Picture:
    width, height = (round(float(inches) * _PX_PER_INCH) for inches in figure.get_size_inches())
    if n_marks(figure) > MANY_MARKS:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=192, metadata={"Software": None})
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        return Picture("image/png", data, width, height)
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Picture("image/svg+xml", compact_svg(printable(svg.getvalue())), width, height)


def _texts(figure: MplFigure) -> str:
    return "".join(text.get_text() for text in _text_artists(figure))


def _text_artists(figure: MplFigure) -> list[Text]:
    from matplotlib.text import Text

    return figure.findobj(Text)


def n_marks(figure: MplFigure) -> int:
    """How many marks a figure has: points, segments of lines, patches; what decides SVG or PNG."""
    n = 0
    for axes in figure.axes:
        n += sum(len(line.get_xdata(orig=False)) for line in axes.lines)
        n += sum(max(len(c.get_offsets()), len(c.get_paths())) for c in axes.collections)
        n += len(axes.patches)
        n += sum(image.get_array().size for image in axes.images)
    return n


# ---------------------------------------------------------------- SVG made small

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_NO_ROTATION = re.compile(r"rotate\(-?0(?:\.0*)?(?: [^)]*)?\)")


def compact_svg(svg: str) -> str:
    """Matplotlib's SVG at about a third of its size: the same picture, numbers to 0.01 px.

    Metadata, empty groups and unused ids go; a style used more than once becomes a class. Text
    names the page's fall-back fonts after DejaVu Sans.
    """
    ElementTree.register_namespace("", _SVG)
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}metadata":
                parent.remove(child)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    names = {name: f"i{i}" for i, name in enumerate(sorted(used, key=svg.index))}
    for element in root.iter():
        _compact_attributes(element, names)
    _unwrap_groups(root)
    _styles_to_classes(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return re.sub(r">\s+<", "><", text).strip()


def _compact_attributes(element: ElementTree.Element, names: dict[str, str]) -> None:
    if element.tag != f"{{{_SVG}}}text" and element.text and not element.text.strip():
        element.text = None
    element.tail = None
    attributes = {}
    for key, value in element.attrib.items():
        if key == "id":
            if value in names:
                attributes["id"] = names[value]
            continue
        if key == _HREF:
            attributes["href"] = f"#{names[value[1:]]}"
            continue
        if key == "transform":
            value = _NO_ROTATION.sub("", value).strip()
            if not value:
                continue
        if key == "version":
            continue
        value = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names[m[1]]})", value)
        value = _NUMBER.sub(lambda m: f"{round(float(m[0]), 2):.15g}", value)
        if key == "d":
            value = re.sub(r"\s+", " ", value)
            value = re.sub(r" ?([A-Za-z]) ?", r"\1", value).strip()
        if key == "style":
            value = value.replace(": ", ":").replace("; ", ";").rstrip(";")
            value = re.sub(r"font-family:[^;]+", f"font-family:{theme.FONT_FAMILY}", value)
            value = value.replace("font-family:DejaVu Sans", "font-family:'DejaVu Sans'")
        attributes[key] = value
    element.attrib.clear()
    element.attrib.update(attributes)


def _unwrap_groups(parent: ElementTree.Element) -> None:
    """Groups without attributes hold nothing together: their children take their place."""
    for child in list(parent):
        _unwrap_groups(child)
    children = []
    for child in list(parent):
        if child.tag in (f"{{{_SVG}}}g", f"{{{_SVG}}}defs") and not len(child):
            continue
        if child.tag == f"{{{_SVG}}}g" and not child.attrib:
            children.extend(child)
        else:
            children.append(child)
    parent[:] = children


def _styles_to_classes(root: ElementTree.Element) -> None:
    styled = [element for element in root.iter() if "style" in element.attrib]
    often = [style for style, n in Counter(e.attrib["style"] for e in styled).items() if n > 1]
    classes = {style: f"s{i}" for i, style in enumerate(often)}
    for element in styled:
        style = element.attrib["style"]
        if style in classes:
            del element.attrib["style"]
            element.attrib["class"] = classes[style]
    sheet = next((e for e in root.iter(f"{{{_SVG}}}style")), None)
    if sheet is not None:
        sheet.attrib.clear()
        sheet.text = (sheet.text or "").replace(": ", ":").replace("; ", ";") + "".join(
            f".{name}{{{style}}}" for style, name in classes.items()
        )
