"""Colours: legible on every ground, and apart for readers with any colour vision."""

from __future__ import annotations

import numpy as np
import pytest

from cxstats.display import theme


def _linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio."""
    a, b = sorted((float(_linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (first, second)), reverse=True)
    return (a + 0.05) / (b + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", theme.PANEL, theme.BAND])
@pytest.mark.parametrize("text", [theme.INK, theme.SECONDARY, theme.LINK, theme.OBSERVED, theme.RANGE_EDGE])
def test_text_meets_wcag_aa(text, ground):
    assert contrast(text, ground) >= 4.5


@pytest.mark.parametrize("ground", ["#ffffff", theme.PANEL, theme.BAND])
@pytest.mark.parametrize("mark", [theme.OBSERVED, theme.ADJUSTED, theme.RANGE_EDGE, theme.WORST])
def test_marks_meet_wcag_for_graphics(mark, ground):
    assert contrast(mark, ground) >= 3


def test_text_on_the_steps_of_a_strip_is_legible():
    assert all(contrast(fill, ink) >= 4.5 for fill, ink in theme.STEPS)


# Simulation matrices on linear RGB: Machado, Oliveira and Fernandes (2009), severity 1.0
_VISION = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def _lab(linear: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.where((t := xyz / [0.9505, 1.0, 1.089]) > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", _VISION)
def test_the_four_data_roles_stay_apart(vision):
    roles = [theme.OBSERVED, theme.ADJUSTED, theme.RANGE, theme.WORST]
    seen = [_lab(np.clip(_VISION[vision] @ _linear(colour), 0, 1)) for colour in roles]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[i + 1 :]]
    assert min(apart) >= 22  # CIE76


def test_settings_are_put_back():
    import matplotlib as mpl

    before = {name: mpl.rcParams[name] for name in theme.RCPARAMS}
    with theme.drawing():
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert {name: mpl.rcParams[name] for name in theme.RCPARAMS} == before


def test_glyphs_that_the_font_lacks_are_named():
    assert theme.fallback_fonts("NPS − ± ← → 95 %") == []
    assert theme.missing_glyphs("NPS \U0010fffe") == "\U0010fffe"


def test_style_sheets_are_the_package_own_and_fetch_nothing():
    sheet = theme.css("parts", "page", "index", "notebook", "code")
    assert "url(" not in sheet
    assert "@import" not in sheet
    assert "</style" not in sheet
