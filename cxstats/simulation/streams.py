"""Random numbers that stay the same: one stream per name, from the raw bits of PCG64.

NumPy promises the bits of a bit generator and of ``SeedSequence`` for ever, but not what the methods
of ``Generator`` make of them. Uniforms and normals are therefore made here, so that a company has the
same rows under every NumPy version. Each quantity draws from a stream of its own name, so that turning
one dial leaves every other draw as it was.
"""

from __future__ import annotations

import zlib

import numpy as np
from scipy.special import ndtri

__all__ = ["normals", "uniforms"]


def uniforms(seed: int, name: str, size: int) -> np.ndarray:
    """Independent uniforms, strictly between 0 and 1, shape (size,).

    >>> uniforms(1, "answer", 2).round(6).tolist() == uniforms(1, "answer", 3)[:2].round(6).tolist()
    True
    """
    # crc32, not hash(): Python's own hash of a text differs from process to process
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(zlib.crc32(name.encode()),))
    bits = np.random.PCG64(sequence).random_raw(size)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normals(seed: int, name: str, size: int) -> np.ndarray:
    """Independent standard normals, shape (size,)."""
    return ndtri(uniforms(seed, name, size))
