"""Nothing that runs, fetches or gives away is published."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote

import pytest

from cxstats.reporting import scan
from cxstats.reporting.errors import UsageError
from cxstats.reporting.parameters import Parameter, effective

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
    (problem,) = scan.problems("x" * 1_500_001, environ={})
    assert "1.5 MB" in problem


SECRETS = {
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "a signed token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN",
    "an access token": "AKIA" + "IOSFODNN7EXAMPLE",
    "an address with a password": "postgres://ann:hunter22@db/x",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_secrets_are_known_by_their_form(kind: str) -> None:
    text = SECRETS[kind]
    assert scan.secret_kind(f"x {text} y") == kind
    assert f"the page holds {kind}" in scan.problems(f"<p>{text}</p>", environ={})
    assert f"run.json holds {kind}" in scan.problems_of("run.json", text, environ={})
    blanked = scan.redact(f"it failed with {text}", environ={})
    assert scan.secret_kind(blanked.replace("[…]", "")) == ""


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("a bank account number", "DE89 3704 0044 0532 0130 00"),
        ("a bank account number", "GB82WEST12345698765432"),
        ("a payment card number", "4111 1111 1111 1111"),
        ("a payment card number", "5555555555554444"),
        ("a customer's pseudonym", "9e107d9d372bb6826bd81d3542a419d6"),
    ],
)
def test_numbers_of_a_person_are_known_by_their_form(kind: str, text: str) -> None:
    (problem,) = scan.problems(f"<td>{text}</td>", environ={})
    assert kind in problem
    assert text not in problem


@pytest.mark.parametrize(
    "text",
    [
        "DE89 3704 0044 0532 0130 01",  # check digits do not fit
        "4111 1111 1111 1112",
        "0.4111111111111111",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",  # a file's fingerprint
        "2025-03-31 17:45:00, 1,234,567 of 4,111,111, sk-learn, gh_pages",
    ],
)
def test_numbers_that_only_look_like_it_pass(text: str) -> None:
    assert scan.problems(f"<td>{text}</td>", environ={}) == []


def test_a_notebook_that_is_kept_is_blanked_and_stays_one() -> None:
    from nbformat import v4, validate

    output = v4.new_output("stream", text="row:\nann@example.com\n")
    error = v4.new_output("error", ename="E", evalue="x", traceback=["at postgres://ann:hunter22@db/x"])
    cell = v4.new_code_cell("frame.head()", outputs=[output, error])
    notebook = v4.new_notebook(
        cells=[cell], metadata={"papermill": {"parameters": {"to": "+49 170 1234567"}}}
    )
    kept = scan.redacted(notebook, environ={})
    validate(kept)
    assert kept.cells[0].outputs[0].text == "row:\n[…]\n"
    assert "hunter22" not in str(kept)
    assert kept.metadata.papermill.parameters.to == "[…]"
    assert notebook.cells[0].outputs[0].text == "row:\nann@example.com\n"


def test_one_long_word_does_not_keep_the_scan_busy() -> None:
    began = time.process_time()
    for letter in "xA0-.+":
        assert scan.problems(f"<p>{letter * 300_000}</p>", environ={}) == []
    assert time.process_time() - began < 10


@pytest.mark.parametrize("kind", SECRETS)
def test_parameters_that_hold_a_secret_are_refused_and_not_repeated(kind: str) -> None:
    declared = {name: Parameter(name, "str", str, "") for name in ("source", "sources")}
    for given in ({"source": SECRETS[kind]}, {"sources": ["x", {"y": SECRETS[kind]}]}):
        with pytest.raises(UsageError, match=f"holds {kind}.*environment variable") as refused:
            effective(declared, given, where="-p")
        assert SECRETS[kind] not in str(refused.value)
