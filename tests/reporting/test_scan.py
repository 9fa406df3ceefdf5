"""Nothing that runs, fetches or gives away is published."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote

import pytest

from cxstats.reporting import scan

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>{}</text></svg>'


def _img(svg: str) -> str:
    return f'<img alt="x" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<SCRIPT SRC=x></SCRIPT>",
        "<p onclick='x()'>a</p>",
        "<img src=x onerror=alert(1)>",
        "<img src='https://example.com/x.png'>",
        "<img srcset='//example.com/x.png 2x' src='data:image/png;base64,AA'>",
        "<link rel=stylesheet href='https://example.com/x.css'>",
        "<a href='javascript:alert(1)'>a</a>",
        "<a href='java\tscript:alert(1)'>a</a>",
        "<a href='data:text/html,<script>1</script>'>a</a>",
        "<iframe srcdoc='<b>'></iframe>",
        "<object data=x></object>",
        "<base href=x>",
        "<form action=x></form>",
        "<meta http-equiv=refresh content='0;url=x'>",
        "<style>@import 'https://example.com/x.css';</style>",
        "<style>p{background:url(https://example.com/x)}</style>",
        "<p style='background:url(//example.com/x)'>a</p>",
        "<svg><use href='https://example.com/x.svg#a'/></svg>",
        _img("<svg><script>1</script></svg>"),
        _img("<svg onload='alert(1)'></svg>"),
        _img("<svg><a href='java&#10;script:alert(1)'><text>a</text></a></svg>"),
        _img("<svg><foreignObject><p>a</p></foreignObject></svg>"),
        _img("<svg:svg><svg:script>1</svg:script></svg:svg>"),
        "<img src='data:image/svg+xml," + quote("<svg onload='a()'></svg>") + "'>",
    ],
)
def test_what_would_run_or_fetch_is_found(html: str) -> None:
    assert scan.problems(html, environ={})


@pytest.mark.parametrize(
    "html",
    [
        "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
        "<a href='#limits'>a</a><a href='demo/x/index.html'>b</a><a href='https://doi.org/10.1/x'>c</a>",
        "<style>p{color:red;background:url(data:image/png;base64,AA)}</style>",
        _img(SVG.format("+26.2 (+25.0 to +27.4)")),
        _img(SVG.format("&lt;script&gt;alert(1)&lt;/script&gt;, or onclick=x() and javascript:y")),
        "<p>+0.8 (−1.4 to +3.0), +1 234 answers, n = 8,497 of 40,000, 2025-03-31, +12 345</p>",
        "<p>Python 3.11.7, numpy 2.4.6, duckdb 2.0.0.1</p>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">",
        "<p>only @home and a@b</p>",
    ],
)
def test_an_ordinary_page_passes(html: str) -> None:
    assert scan.problems(html, environ={}) == []


@pytest.mark.parametrize(
    "text", ["ann.lee@example.com", "+49 170 1234567", "+44 20 7946 0958", "+1-202-555-0143", "192.168.17.23"]
)
@pytest.mark.parametrize("page", ["<p>{}</p>", "<img alt='{}' src=''>", "<!-- {} -->"])
def test_identifiers_are_found_and_not_repeated(text: str, page: str) -> None:
    (problem,) = scan.problems(page.format(text), environ={})
    assert text not in problem


def test_identifiers_inside_pictures_are_found() -> None:
    assert scan.problems(_img(SVG.format("ann@example.com")), environ={})


def test_secrets_of_the_environment_are_found() -> None:
    environ = {
        "CX_DB_PASSWORD": "tr0ub4dor&3",
        "CX_DB": "postgres://ann:hunter22@db/x",
        "API_TOKEN": "short",
        "LOGIN_TOKEN_COUNT": "20250331",
        "HOME": "/home/ann-and-more",
    }
    assert scan.problems("<p>tr0ub4dor&amp;3</p>", environ=environ) == [
        "the page holds the value of the environment variable CX_DB_PASSWORD"
    ]
    assert scan.problems("<p>hunter22</p>", environ=environ)
    assert scan.problems("<p>short 20250331 /home/ann-and-more</p>", environ=environ) == []
    said = scan.redact("cannot log in with tr0ub4dor&3 at postgres://ann:hunter22@db/x", environ=environ)
    assert "tr0ub" not in said
    assert "hunter22" not in said


def test_a_page_too_large_for_a_mail_is_refused() -> None:
    (problem,) = scan.problems("x" * 2_000_001, environ={})
    assert "2.0 MB" in problem


def test_one_long_word_does_not_keep_the_scan_busy() -> None:
    began = time.process_time()
    for letter in "xA0-.+":
        assert scan.problems(f"<p>{letter * 300_000}</p>", environ={}) == []
    assert time.process_time() - began < 10
