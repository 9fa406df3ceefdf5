"""Customer ids become keyed pseudonyms; no raw id leaves the engine.

The pseudonym is HMAC-SHA256 (RFC 2104) of the id under the key in the environment variable
``CXSTATS_KEY``: the same customer has the same pseudonym in every run with that key, and nobody
without it can find out whose it is, even knowing every id there is. Without the variable a random
key is drawn for this process, so that pseudonyms of two runs cannot be linked.

``part`` divides customers into 64 parts by a keyed hash as well, for folds and for delete-a-part
jackknives. It must not change from run to run, so without ``CXSTATS_KEY`` a fixed, public key
stands in: with 64 parts it tells nothing of a customer that a random number would not.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from functools import cache
from inspect import Parameter, Signature
from typing import Any

from .engine import Engine

__all__ = [
    "HASHING",
    "KEY_VARIABLE",
    "PARTS",
    "add_pseudonyms",
    "fill_parts",
    "part",
    "part_in_place",
    "pseudonym",
]

KEY_VARIABLE = "CXSTATS_KEY"
PARTS = 64
_PART_KEY = b"cxstats part"
_BLOCK = 64


@cache
def _random_key() -> bytes:
    return secrets.token_bytes(32)


def _key() -> bytes:
    text = os.environ.get(KEY_VARIABLE)
    return text.encode() if text else _random_key()


def _part_key() -> bytes:
    text = os.environ.get(KEY_VARIABLE)
    # derived, so that parts say nothing about pseudonyms
    return hmac.digest(text.encode(), _PART_KEY, "sha256") if text else _PART_KEY


def pseudonym(customer: str) -> str:
    """The pseudonym of an id, 32 hexadecimal digits (the first 128 bits of the HMAC)."""
    return hmac.new(_key(), customer.encode(), hashlib.sha256).hexdigest()[:32]


def part(customer: str) -> int:
    """The part of an id, 0 to 63."""
    return hmac.digest(_part_key(), customer.encode(), "sha256")[0] % PARTS


def add_pseudonyms(engine: Engine, table: str) -> str:
    """A view of ``table`` (with ``_customer``) that adds ``customer``; returns its name.

    The engine computes it, and only where a query asks for it.
    """
    view = f"{table}_people"
    who = _sql(engine, "customer", _key())
    engine.run(f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT *, left({who}, 32) AS customer FROM {table}")
    return view


def fill_parts(engine: Engine, table: str) -> None:
    """Fill the column ``part`` of ``table``, once."""
    hashed = _sql(engine, "part", _part_key())
    engine.run(f"UPDATE {table} SET part = ('0x' || left({hashed}, 2))::INTEGER % {PARTS}")


def _sql(engine: Engine, name: str, key: bytes) -> str:
    """HMAC-SHA256 of ``_customer`` in the engine's SQL, as RFC 2104 spells it out.

    The key is handed over in variables, so that it stands in no query.
    """
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    padded = key.ljust(_BLOCK, b"\x00")
    inner, outer = f"{name}_inner", f"{name}_outer"
    engine.run(f"SET VARIABLE {inner} = $1::BLOB", [bytes(b ^ 0x36 for b in padded)])
    engine.run(f"SET VARIABLE {outer} = $1::BLOB", [bytes(b ^ 0x5C for b in padded)])
    return f"sha256(getvariable('{outer}') || unhex(sha256(getvariable('{inner}') || encode(_customer))))"


def part_in_place(customer: Any, engine: str) -> Any:
    """The part of the ids in the ibis column ``customer``, computed by the database of the name ``engine``.

    Of the key, the query holds what :func:`part` uses, which says nothing about pseudonyms.

    Raises
    ------
    KeyError : nobody has written down how this database hashes (see :data:`HASHING`).
    """
    import ibis

    as_hex, hashed = HASHING[engine]
    key = _part_key().ljust(_BLOCK, b"\x00")
    inner, outer = (ibis.literal(bytes(b ^ pad for b in key).hex()) for pad in (0x36, 0x5C))
    # what is not hashed stands as hexadecimal digits, which are texts everywhere; bytes are a type of its own
    # in each database
    first = hashed(inner + as_hex(customer).lower()).lower()
    second = hashed(outer + first).lower()
    digits = ibis.literal("0123456789abcdef")
    high, low = (digits.find(second.substr(i, 1)) for i in (0, 1))
    return ((high % (PARTS // 16)) * 16 + low).cast("int16")


def _call(name: str, *arguments: Any, returns: str = "string") -> Any:
    """A function of the database itself."""
    import ibis

    kinds = tuple(a.type() if isinstance(a, ibis.Expr) else ibis.literal(a).type() for a in arguments)

    def function(*_: Any) -> Any: ...

    places = [Parameter(f"a{i}", Parameter.POSITIONAL_OR_KEYWORD) for i in range(len(kinds))]
    function.__name__, function.__signature__ = name, Signature(places)  # type: ignore[attr-defined]
    return ibis.udf.scalar.builtin(function, signature=(kinds, ibis.dtype(returns)))(*arguments)


def _plain(as_hex: str, as_bytes: str, digest: str, *more: Any) -> tuple[Callable[[Any], Any], ...]:
    """Functions of the usual form: text to digits, and digits to bytes to digest."""
    return (
        lambda text: _call(as_hex, text),
        lambda digits: _call(digest, _call(as_bytes, digits, returns="binary"), *more),
    )


def _postgres(text: Any) -> Any:
    return _call("encode", _call("convert_to", text, "UTF8", returns="binary"), "hex")


def _postgres_hash(digits: Any) -> Any:
    digest = _call("sha256", _call("decode", digits, "hex", returns="binary"), returns="binary")
    return _call("encode", digest, "hex")


def _to_hex(text: Any, as_bytes: Callable[[Any], Any]) -> Any:
    return _call("to_hex", as_bytes(text))


def _to_hex_hash(digits: Any) -> Any:
    digest = _call("sha256", _call("from_hex", digits, returns="binary"), returns="binary")
    return _call("to_hex", digest)


HASHING: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "duckdb": _plain("hex", "unhex", "sha256"),
    "postgres": (_postgres, _postgres_hash),
    "pyspark": _plain("hex", "unhex", "sha2", 256),
    "databricks": _plain("hex", "unhex", "sha2", 256),
    "snowflake": _plain("hex_encode", "hex_decode_binary", "sha2", 256),
    "bigquery": (lambda text: _to_hex(text, lambda t: t.cast("binary")), _to_hex_hash),
    "trino": (lambda text: _to_hex(text, lambda t: _call("to_utf8", t, returns="binary")), _to_hex_hash),
}
"""By ibis's name of a database: how it writes a text as hexadecimal digits of its UTF-8 bytes, and how it writes
the SHA-256 of the bytes that hexadecimal digits stand for."""
