"""The last look before a page is published: would it run anything, fetch anything, or give anything away?

It reads the finished HTML as a browser would, pictures included, and knows nothing of how it was made,
so that a slip in a template, a study or a survey's text stops here instead of at a reader.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote_to_bytes

__all__ = [
    "SIZE_LIMIT",
    "problems",
    "problems_of",
    "redact",
    "redacted",
    "secret_kind",
    "without_folders",
]

SIZE_LIMIT = 1_500_000  # bytes of one page: it must open from a mail on a phone
FILE_LIMIT = 10_000_000  # bytes of a file beside it

_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|api_?key|access_?key|private_?key|credential|_(dsn|url_env|pwd)$",
    re.IGNORECASE,
)
# a scheme starts where no letter stands before it, and is short: or one long word would be searched forever
_URL_PASSWORD = re.compile(
    r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s:/@]+:([^\s@/]{3,})@", re.IGNORECASE
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+", re.ASCII)
# International form only, with its separators: scores, intervals and dates must not look like telephones.
_PHONE = re.compile(r"(?<![\w.,])\+\d{1,3}[ \-/]?\(?\d{2,5}\)?(?:[ \-/]\d{2,8}){1,4}(?![\w.,]\d)", re.ASCII)
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)", re.ASCII)


# Exactly as long as the pseudonyms that stand for customers' ids; fingerprints of files are longer
_PSEUDONYM = re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])", re.ASCII)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])", re.ASCII
)
_CARD = re.compile(
    r"(?<![\w.,])[3-6]\d{3}(?:[ -]\d{4}){2}[ -]\d{3,4}(?![\w.,]\d)|(?<![\w.,])[3-6]\d{15}(?!\w)", re.ASCII
)

# Forms in which the keys to other systems are handed out; none of them is met by chance
_SECRET_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a signed token", re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{8,}", re.ASCII)),
    (
        "an access token",
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|glpat-[\w-]{20,}"
            r"|xox[abeoprs]-[\w-]{12,}|AIza[\w-]{35}|sk-(?:[a-z]+-)?[A-Za-z0-9_-]{32,}|dapi[0-9a-f]{32})",
            re.ASCII,
        ),
    ),
    ("an address with a password", _URL_PASSWORD),
)


def _is_iban(text: str) -> bool:
    letters = text.replace(" ", "")
    moved = letters[4:] + letters[:4]
    return 15 <= len(letters) <= 34 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _is_card(text: str) -> bool:
    """Luhn's check digit holds."""
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    return sum(digits[::2]) % 10 == -sum(d * 2 - 9 * (d > 4) for d in digits[1::2]) % 10


def _is_phone(text: str) -> bool:
    return sum(letter.isdigit() for letter in text) >= 9


def _is_address(text: str) -> bool:
    numbers = [int(number) for number in text.split(".")]
    return max(numbers) <= 255 and sum(number >= 10 for number in numbers) >= 2  # 2.0.0.1 is a version


_IDENTIFIERS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("an e-mail address", _EMAIL, bool),
    ("a telephone number", _PHONE, _is_phone),
    ("an IP address", _IP, _is_address),
    ("a customer's pseudonym", _PSEUDONYM, lambda text: not text.isdigit() and not text.isalpha()),
    ("a bank account number", _IBAN, _is_iban),
    ("a payment card number", _CARD, _is_card),
)

_RUNS = {"script", "iframe", "object", "embed", "applet", "base", "form", "frame", "portal"}
_FETCHES = {
    "src",
    "srcset",
    "data",
    "poster",
    "background",
    "action",
    "formaction",
    "xlink:href",
    "ping",
    "manifest",
}


def problems(html: str, *, environ: Mapping[str, str] | None = None, limit: int = SIZE_LIMIT) -> list[str]:
    """Why this page must not be published; empty when it may.

    >>> problems("<p>NPS +26</p>", environ={})
    []
    >>> problems("<script>alert(1)</script>", environ={})
    ['the page holds a <script> element']
    """
    found: list[str] = []
    size = len(html.encode("utf-8", "surrogatepass"))
    if size > limit:
        found.append(
            f"the page is {size / 1e6:.1f} MB, above the {limit / 1e6:.1f} MB that still open anywhere "
            "(does a table or a cell print rows instead of results?)"
        )
    reader = _Reader()
    reader.feed(html)
    reader.close()
    found += reader.problems
    text = "\n".join([*reader.texts, *reader.pictures])
    found += _given_away(f"{text}\n{html}", text, environ, "the page")
    return list(dict.fromkeys(found))


def problems_of(name: str, content: str | bytes, *, environ: Mapping[str, str] | None = None) -> list[str]:
    """Why a file (a page, or one of the files beside it) must not be published; empty when it may.

    A PDF is printed from a page that has been looked at, so of it only what could act is looked for.

    >>> problems_of("main-findings.txt", b"Ask ann@example.com", environ={})
    ['main-findings.txt holds an e-mail address (an…com)']
    """
    suffix = name.rpartition(".")[2]
    if suffix == "html":
        html = content if isinstance(content, str) else content.decode("utf-8")
        return problems(html, environ=environ)
    data = content.encode("utf-8") if isinstance(content, str) else content
    found = [f"{name} is {len(data) / 1e6:.0f} MB, too large for a mail"] if len(data) > FILE_LIMIT else []
    if suffix == "xlsx":
        text, acts = _workbook(data)
        found += [f"{name} holds {what}" for what in acts]
    elif suffix == "png":
        text = ""
        if told := _png_chunks(data) - _PICTURE_CHUNKS:
            found.append(f"{name} holds more than a picture ({', '.join(sorted(told))})")
    elif suffix == "pdf":
        text = ""
        found += [f"{name} holds what could act ({word.decode()})" for word in _PDF_ACTS if word in data]
    else:
        text = data.decode("utf-8")
    return list(dict.fromkeys(found + _given_away(text, text, environ, name)))


def _given_away(everything: str, text: str, environ: Mapping[str, str] | None, where: str) -> list[str]:
    """Secrets anywhere, and identifiers in what can be read."""
    found = [
        f"{where} holds the value of the environment variable {name}"
        for name, value in _secrets(os.environ if environ is None else environ).items()
        if value in everything
    ]
    for kind, pattern in _SECRET_FORMS:
        if pattern.search(text):
            found.append(f"{where} holds {kind}")
    for kind, pattern, sure in _IDENTIFIERS:
        if hit := next((hit[0] for hit in pattern.finditer(text) if sure(hit[0])), None):
            found.append(f"{where} holds {kind} ({_masked(hit)})")
    return found


_PICTURE_CHUNKS = {"IHDR", "PLTE", "tRNS", "pHYs", "IDAT", "IEND"}
_PDF_ACTS = (b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/OpenAction", b"/SubmitForm")
_XLSX_ACTS = (
    (re.compile(r"<f[\s>]"), "a formula"),
    (
        re.compile(r"<hyperlink|<ddeLink|<oleLink|/externalLink|vbaProject", re.IGNORECASE),
        "a link or a program",
    ),
)


def _workbook(data: bytes) -> tuple[str, list[str]]:
    """The text of a workbook, and what in it could act."""
    import zipfile
    from io import BytesIO

    texts, acts = [], []
    with zipfile.ZipFile(BytesIO(data)) as book:
        for name in book.namelist():
            xml = book.read(name).decode("utf-8")
            acts += [what for pattern, what in _XLSX_ACTS if pattern.search(xml) or pattern.search(name)]
            # styles and relations hold long numbers of their own
            if name.startswith(("xl/sharedStrings", "xl/worksheets/", "xl/workbook", "docProps/")):
                texts.append(unescape(re.sub(r"<[^>]*>", "\n", xml)))
    return "\n".join(texts), acts


def _png_chunks(data: bytes) -> set[str]:
    at, found = 8, set()
    while at + 8 <= len(data):
        found.add(data[at + 4 : at + 8].decode("latin-1"))
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return found


def secret_kind(text: str) -> str:
    """What kind of secret ``text`` has the form of; "" for none.

    >>> secret_kind("postgres://ann:hunter2@db/x"), secret_kind("demo")
    ('an address with a password', '')
    """
    return next((kind for kind, pattern in _SECRET_FORMS if pattern.search(text)), "")


def redact(text: str, *, environ: Mapping[str, str] | None = None) -> str:
    """``text`` with secrets and personal identifiers blanked: for messages that leave the machine.

    >>> redact("no row for ann@example.com", environ={})
    'no row for […]'
    """
    for value in _secrets(os.environ if environ is None else environ).values():
        text = text.replace(value, "[…]")
    text = re.sub(r"(://[^\s:/@]+:)[^\s@/]+@", r"\1[…]@", text)
    for kind, pattern in _SECRET_FORMS:
        if kind != "an address with a password":  # of that the rest may say what went wrong
            text = pattern.sub("[…]", text)
    for _, pattern, sure in _IDENTIFIERS:
        text = pattern.sub(lambda hit, sure=sure: "[…]" if sure(hit[0]) else hit[0], text)
    return text


def redacted(notebook: Any, *, environ: Mapping[str, str] | None = None) -> Any:
    """A copy of a notebook whose outputs and metadata are blanked as :func:`redact` does: for one that is kept."""
    import copy

    kept = copy.deepcopy(notebook)
    for cell in kept.cells:
        if cell.get("outputs"):
            cell.outputs = _blanked(cell.outputs, environ)
        cell.metadata = _blanked(cell.metadata, environ)
    kept.metadata = _blanked(kept.metadata, environ)
    return kept


def _blanked(value: Any, environ: Mapping[str, str] | None) -> Any:
    if isinstance(value, str):
        return redact(value, environ=environ)
    if isinstance(value, list):
        return [_blanked(item, environ) for item in value]
    if isinstance(value, dict):
        return type(value)({key: _blanked(item, environ) for key, item in value.items()})
    return value


_FOLDERS = re.compile(r"""(?<![\w:/.…])(?:/|~/|[A-Za-z]:\\)(?:[^\s/\\"'<>,;:()]+[/\\])+(?=[^\s/\\"'])""")


def without_folders(text: str) -> str:
    """``text`` with full paths cut to their last name.

    >>> without_folders("there is no file a.csv in /home/ann/surveys, and none like it")
    'there is no file a.csv in …/surveys, and none like it'
    >>> without_folders("12 and/or 13 of 1/2")
    '12 and/or 13 of 1/2'
    """
    return _FOLDERS.sub("…/", text)


def _secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Values worth hiding, by the name that holds them; short ones would match by chance."""
    found = {}
    for name, value in environ.items():
        if len(value) >= 8 and _SECRET_NAME.search(name):
            found[name] = value
        elif hit := _URL_PASSWORD.search(value):
            found[name] = hit[1]
    return {name: value for name, value in found.items() if not value.isdigit() and not os.path.exists(value)}


def _masked(text: str) -> str:
    return f"{text[:2]}…{text[-3:]}"


class _Reader(HTMLParser):
    """Collects visible and hidden text, the text of embedded pictures, and everything that could act."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.texts: list[str] = []
        self.pictures: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _RUNS:
            self.problems.append(f"the page holds a <{tag}> element")
        self._style = tag == "style"
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.problems.append("the page would send its reader elsewhere (meta refresh)")
        for name, value in values.items():
            self._attribute(tag, name, value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._style = False

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self._css(data)
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.texts.append(data)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        address = re.sub(r"[\x00-\x20]", "", value).lower()
        if name.startswith("on"):
            self.problems.append(f"the page holds a script in an attribute ({name})")
        elif name in _FETCHES or (name == "href" and tag in {"link", "image", "use"}):
            self._fetched(tag, value, address)
        elif name in {"href", "xlink:href"} and address.startswith(("javascript:", "data:", "vbscript:")):
            self.problems.append("the page holds a link that would run a script")
        elif name == "style":
            self._css(value)
        elif name == "srcdoc":
            self.problems.append("the page holds a page of its own (srcdoc)")
        else:
            self.texts.append(value)

    def _fetched(self, tag: str, value: str, address: str) -> None:
        if not address or address.startswith("#"):
            return
        if not address.startswith(("data:image/", "data:font/")):
            self.problems.append(f"the page would fetch {value[:60]!r} (<{tag}>)")
            return
        picture, acts = _decoded(value)
        self.pictures.append(picture)
        if acts:
            self.problems.append("a picture holds a script")

    def _css(self, text: str) -> None:
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", text, re.IGNORECASE):
            target = "".join(address).strip().lower()
            if not target.startswith(("data:", "#")):
                self.problems.append(f"the page's style would fetch {target[:60]!r}")


def _decoded(address: str) -> tuple[str, bool]:
    """The text of a ``data:`` SVG, and whether it could act; nothing for pictures made of pixels."""
    head, _, body = address.partition(",")
    if "svg" not in head.lower():
        return "", False
    try:
        data = base64.b64decode(body) if ";base64" in head.lower() else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        return "", False
    picture = _Picture()
    picture.feed(data.decode("utf-8", "replace"))
    picture.close()
    return "\n".join(picture.texts), picture.acts


class _Picture(HTMLParser):
    """Text of an SVG, and whether an element or an attribute of it could act.

    What acts is an element, not a word: a label may read ``<script>``, escaped, as a group is called.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.acts = False

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.acts |= tag.rpartition(":")[2] in _RUNS | {"foreignobject"}
        for name, value in attrs:
            address = re.sub(r"[\x00-\x20]", "", value or "").lower()
            self.acts |= name.startswith("on") or "javascript:" in address
