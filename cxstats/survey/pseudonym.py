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
from functools import cache

from .engine import Engine

__all__ = ["KEY_VARIABLE", "PARTS", "add_pseudonyms", "fill_parts", "part", "pseudonym"]

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
