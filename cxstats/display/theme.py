"""The look: colours as roles, type, sizes, and matplotlib's settings.

A colour is a role with a shape of its own, never a group: groups are told apart by position and
label. The four data roles stay apart under simulated protanopia, deuteranopia and tritanopia; a
fifth hue does not, so there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

__all__ = [
    "ADJUSTED",
    "BAND",
    "BAND_EDGE",
    "BANNER",
    "GRID",
    "INK",
    "LINK",
    "NARROW_INCHES",
    "OBSERVED",
    "PANEL",
    "RANGE",
    "RANGE_EDGE",
    "RCPARAMS",
    "RULE",
    "SECONDARY",
    "SPREAD",
    "STEPS",
    "WIDE_INCHES",
    "WORST",
    "css",
    "drawing",
    "fallback_fonts",
]

INK = "#16202b"
SECONDARY = "#45525f"
LINK = "#0b5394"
OBSERVED = "#16365c"
ADJUSTED = "#1b6ca3"
RANGE, RANGE_EDGE = "#e0a03a", "#8a5200"
WORST = "#7a8591"
BAND, BAND_EDGE = "#e3eaf0", "#7a8896"
SPREAD = "#c9d4e0"
PANEL, RULE, BANNER, GRID = "#f3f6f9", "#c8d0d8", "#fff6df", "#dde3e8"

# Steps of one hue from light to dark, for ordered bands; with the text colour that is legible on each.
STEPS = (
    ("#e3eaf0", INK),
    ("#c9d4e0", INK),
    ("#9db2c7", INK),
    ("#4a6a8c", "#ffffff"),
    (OBSERVED, "#ffffff"),
)

WIDE_INCHES = 7.5  # 720 px
NARROW_INCHES = 3.42  # 328 px

# Verdana has nearly DejaVu's widths, so a layout measured in DejaVu holds where only Verdana exists.
FONT_FAMILY = "DejaVu Sans, Verdana, sans-serif"

RCPARAMS: MappingProxyType[str, Any] = MappingProxyType(
    {
        "font.family": ["DejaVu Sans"],  # matplotlib's own, so the layout is the same on every machine
        "font.size": 9.75,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "axes.labelsize": 9,
        "axes.titlesize": 9.75,
        "text.color": INK,
        "xtick.color": SECONDARY,
        "ytick.color": SECONDARY,
        "axes.labelcolor": SECONDARY,
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.spines.bottom": False,
        "axes.grid": True,
        "axes.grid.axis": "x",
        "axes.axisbelow": True,
        "axes.facecolor": "none",
        "axes.unicode_minus": True,
        "grid.color": GRID,
        "grid.linewidth": 0.75,
        "grid.linestyle": "-",
        "xtick.bottom": False,
        "ytick.left": False,
        "xtick.minor.visible": False,
        "lines.linewidth": 2.0,
        "lines.solid_capstyle": "butt",
        "lines.dash_capstyle": "butt",
        "patch.linewidth": 1.1,
        "svg.fonttype": "none",
        "svg.hashsalt": "cxstats",
        "figure.dpi": 96,
        "savefig.dpi": 192,
        "figure.facecolor": "white",
        "text.parse_math": False,  # a label "$5 to $10" is money, not mathematics
        "text.usetex": False,
    }
)

# Fonts that carry what DejaVu Sans lacks, in the order in which they are tried.
FALLBACK_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans JP",
    "Noto Sans SC",
    "Source Han Sans",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Meiryo",
    "Microsoft YaHei",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "Noto Sans",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Arial Unicode MS",
    "Noto Emoji",
    "Segoe UI Emoji",
    "Symbola",
)


@contextmanager
def drawing(text: str = "") -> Iterator[None]:
    """Matplotlib's settings for one figure; ``text`` is what it will print, for the choice of fonts.

    Settings are put back afterwards, so a notebook's own plots keep their look.
    """
    import matplotlib as mpl

    # A glyph that no font here has is drawn by the reader's browser (text stays text in SVG);
    # Figure reports it. matplotlib's own warning would land in every reader's notebook.
    logger = logging.getLogger("matplotlib.font_manager")
    level = logger.level
    families = ["DejaVu Sans", *fallback_fonts(text)]
    with mpl.rc_context({**RCPARAMS, "font.family": families}):
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def fallback_fonts(text: str) -> list[str]:
    """Installed fonts that supply the glyphs of ``text`` that DejaVu Sans lacks; [] where none is missing."""
    missing = {c for c in text if not c.isspace() and ord(c) not in _glyphs("DejaVu Sans")}
    fonts = []
    for family in FALLBACK_FONTS:
        if not missing:
            break
        found = {c for c in missing if ord(c) in _glyphs(family)}
        if found:
            fonts.append(family)
            missing -= found
    return fonts


def missing_glyphs(text: str) -> str:
    """Characters of ``text`` that no font known here can draw, each once, in order of appearance."""
    fonts = ("DejaVu Sans", *fallback_fonts(text))
    return "".join(
        dict.fromkeys(c for c in text if not c.isspace() and not any(ord(c) in _glyphs(f) for f in fonts))
    )


@cache
def _glyphs(family: str) -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, fontManager, get_font

    if family not in {entry.name for entry in fontManager.ttflist}:
        return frozenset()
    path = fontManager.findfont(FontProperties(family=[family]), fallback_to_default=False)
    return frozenset(get_font(path).get_charmap())


@cache
def css(*names: str) -> str:
    """The style sheets of these names (without ``.css``), one after the other."""
    folder = files("cxstats.display") / "css"
    return "\n".join((folder / f"{name}.css").read_text(encoding="utf-8").strip() for name in names)
