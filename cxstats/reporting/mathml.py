r"""Formulas of a notebook's prose as MathML, which browsers set by themselves: no script, no font, no request.

The part of LaTeX's mathematics that statistical prose uses: letters, numbers, operators, Greek, fractions, roots,
scripts, sums with limits, accents, brackets that grow, text. What is not known here is not guessed at:
:func:`mathml` returns None and the page prints the formula's source.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from markupsafe import escape

__all__ = ["mathml"]

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]|\s+|.", re.DOTALL)

_GREEK_NAMES = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_GREEK = dict(zip(_GREEK_NAMES.split(" "), "αβγδϵεζηθϑικλμνξπρστυϕφχψωΓΔΘΛΞΠΣΥΦΨΩ", strict=True))
_OPERATORS = {
    "times": "×", "cdot": "⋅", "pm": "±", "mp": "∓", "div": "÷", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ne": "≠", "neq": "≠", "approx": "≈", "sim": "∼", "equiv": "≡", "propto": "∝", "in": "∈", "notin": "∉",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒", "mid": "∣", "ldots": "…", "dots": "…",
    "cdots": "⋯", "cap": "∩", "cup": "∪", "subset": "⊂", "ll": "≪", "gg": "≫", "langle": "⟨", "rangle": "⟩",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "lvert": "|", "rvert": "|", "Vert": "‖",
}  # fmt: skip
_IDENTIFIERS = {"infty": "∞", "partial": "∂", "ell": "ℓ", "prime": "′", "emptyset": "∅"}
_LARGE = {"sum": "∑", "prod": "∏", "int": "∫", "bigcup": "⋃", "bigcap": "⋂"}
_NAMED = {
    "log", "ln", "exp", "max", "min", "sup", "inf", "lim", "Pr", "arg", "det", "sin", "cos", "tan", "logit"
}  # fmt: skip
_UNDER = {"max", "min", "sup", "inf", "lim"}
_ACCENTS = {
    "hat": "^",
    "widehat": "^",
    "bar": "¯",
    "overline": "¯",
    "tilde": "~",
    "widetilde": "~",
    "dot": "˙",
    "vec": "→",
}
_SPACES = {",": ".167em", ":": ".222em", ";": ".278em", " ": ".25em", "quad": "1em", "qquad": "2em"}
_STYLES = {"mathrm", "operatorname", "text", "textrm", "mbox"}
_ALPHABETS = {"mathbf": "bold", "mathbb": "double-struck", "mathcal": "script", "boldsymbol": "bold"}
_ESCAPED = "%$#&_{}"


class _Unknown(Exception):
    """Something that is not set here."""


def mathml(source: str, *, block: bool = False) -> str | None:
    r"""A formula (without its dollar signs) as a ``<math>`` element; None where it holds something unknown.

    >>> mathml(r"\hat p \pm z")
    '<math><mrow><mover accent="true"><mi>p</mi><mo stretchy="false">^</mo></mover><mo>±</mo><mi>z</mi></mrow></math>'
    >>> mathml(r"\input{x}") is None
    True
    """
    try:
        reader = _Reader(source)
        body = reader.row(lambda token: token is None)
    except (_Unknown, RecursionError):
        return None
    return f"<math{' display=' + chr(34) + 'block' + chr(34) if block else ''}>{body}</math>"


class _Reader:
    """Reads tokens from left to right; each method returns the MathML of what it has read."""

    def __init__(self, source: str) -> None:
        self._tokens = _TOKEN.findall(source)
        self._at = 0

    def _peek(self) -> str | None:
        while self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> str:
        token = self._peek()
        if token is None:
            raise _Unknown
        self._at += 1
        return token

    def row(self, ends: Callable[[str | None], bool]) -> str:
        """Everything up to the token that ends it, which stays."""
        items: list[str] = []
        while not ends(token := self._peek()):
            if token is None or token in ("}", "&"):
                raise _Unknown
            items.append(self._scripted())
        return items[0] if len(items) == 1 else f"<mrow>{''.join(items)}</mrow>"

    def _scripted(self) -> str:
        """An atom with what stands below and above it."""
        token = self._peek() or ""
        base = self._atom()
        below = above = ""
        while (mark := self._peek()) in ("_", "^", "'"):
            self._next()
            if mark == "'":
                above += "<mo>′</mo>"
            elif mark == "_" and not below:
                below = self._argument()
            elif mark == "^" and not above:
                above = self._argument()
            else:
                raise _Unknown
        if not (below or above):
            return base
        name = token[1:]
        under = name in _UNDER or (name in _LARGE and name != "int")
        kinds = ("munder", "mover", "munderover") if under else ("msub", "msup", "msubsup")
        kind = kinds[2] if below and above else kinds[0] if below else kinds[1]
        return f"<{kind}>{base}{below}{above}</{kind}>"

    def _argument(self) -> str:
        if self._peek() == "{":
            return self._group()
        return self._atom()

    def _group(self) -> str:
        self._expect("{")
        inner = self.row(lambda token: token == "}")
        self._next()
        return inner

    def _expect(self, wanted: str) -> None:
        if self._next() != wanted:
            raise _Unknown

    def _raw(self) -> str:
        """The text of a group, as it is written."""
        self._expect("{")
        words = ""
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            if token == "}":
                return words
            if token == "{" or (token.startswith("\\") and token[1:] not in _ESCAPED):
                break
            words += token.lstrip("\\")
        raise _Unknown

    def _atom(self) -> str:
        token = self._next()
        if token.startswith("\\"):
            return self._command(token[1:])
        if token == "{":
            self._at -= 1
            return self._group()
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token in "()[]|":
            return f'<mo stretchy="false">{token}</mo>'
        if token == "-":
            return "<mo>−</mo>"
        if token in "+=<>/*,;:!.":
            return f"<mo>{escape(token)}</mo>"
        if token.isalpha() or token in "∞∂ℓ":
            return f"<mi>{token}</mi>"
        if token in "×⋅·±≤≥≠≈→−…∑√Δ%":
            return f"<mo>{token}</mo>"
        raise _Unknown

    def _command(self, name: str) -> str:
        if name in _GREEK:
            upright = ' mathvariant="normal"' if name[0].isupper() else ""
            return f"<mi{upright}>{_GREEK[name]}</mi>"
        if name in _OPERATORS:
            return f"<mo>{escape(_OPERATORS[name])}</mo>"
        if name in _IDENTIFIERS:
            return f'<mi mathvariant="normal">{_IDENTIFIERS[name]}</mi>'
        if name in _LARGE:
            return f"<mo>{_LARGE[name]}</mo>"
        if name in _NAMED:
            return f"<mi>{name}</mi>"
        if name in ("frac", "dfrac", "tfrac"):
            return f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
        if name == "binom":
            choice = f'<mfrac linethickness="0">{self._argument()}{self._argument()}</mfrac>'
            return f"<mrow><mo>(</mo>{choice}<mo>)</mo></mrow>"
        if name == "sqrt":
            return self._root()
        if name in _ACCENTS:
            stretchy = "true" if name.startswith(("wide", "over")) else "false"
            return f'<mover accent="true">{self._argument()}<mo stretchy="{stretchy}">{_ACCENTS[name]}</mo></mover>'
        if name in _STYLES:
            words = escape(self._raw())
            if name in ("mathrm", "operatorname"):
                return f'<mi mathvariant="normal">{words}</mi>'
            return f"<mtext>{words}</mtext>"
        if name in _ALPHABETS:
            return f"<mi>{escape(_letters(self._raw(), _ALPHABETS[name]))}</mi>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}"></mspace>'
        if name == "left":
            return self._fenced()
        if name and name in _ESCAPED:
            return f'<mo stretchy="false">{escape(name)}</mo>'
        raise _Unknown

    def _root(self) -> str:
        if self._peek() != "[":
            return f"<msqrt>{self._argument()}</msqrt>"
        self._next()
        index = self.row(lambda token: token == "]")
        self._next()
        return f"<mroot>{self._argument()}{index}</mroot>"

    def _fenced(self) -> str:
        opening = self._fence()
        inner = self.row(lambda token: token == "\\right")
        self._next()
        return f"<mrow>{opening}{inner}{self._fence()}</mrow>"

    def _fence(self) -> str:
        token = self._next()
        if token == ".":
            return ""
        sign = _OPERATORS.get(token[1:], token[1:]) if token.startswith("\\") else token
        if sign not in ("(", ")", "[", "]", "|", "{", "}", "⟨", "⟩", "‖", "⌊", "⌋", "⌈", "⌉"):
            raise _Unknown
        return f'<mo fence="true">{sign}</mo>'


def _letters(text: str, alphabet: str) -> str:
    """Letters of one of Unicode's mathematical alphabets, where browsers look for them."""
    if not re.fullmatch(r"[A-Za-z0-9]+", text):
        raise _Unknown
    first = {"bold": 0x1D400, "double-struck": 0x1D538, "script": 0x1D49C}[alphabet]
    odd = {
        "double-struck": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
        "script": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
        "bold": {},
    }[alphabet]
    made = ""
    for letter in text:
        if letter in odd:
            made += odd[letter]
        elif letter.isdigit():
            made += letter
        else:
            made += chr(first + (ord(letter) - 65 if letter.isupper() else ord(letter) - 71))
    return made
