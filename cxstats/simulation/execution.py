"""Work over many companies, through the standard ``concurrent.futures`` interface."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

__all__ = ["client", "executor"]


def executor(address: str | None = None, *, workers: int | None = None) -> Executor:
    """An executor for benchmarks over many companies: this machine's processes, or a Dask cluster.

    Parameters
    ----------
    address : address of a Dask scheduler, such as "tcp://10.0.0.5:8786"; None for processes here.
    workers : number of processes here; by default as many as there are processors.

    Returns
    -------
    An executor; use it in a ``with`` block. Functions and their arguments must be importable by name,
    since processes start afresh (spawned: the same on Linux, macOS and Windows, and safe with threads).

    Raises
    ------
    ImportError : an address is given and the extra "distributed" is not installed.
    ValueError : both an address and a number of workers are given, or fewer than 1.

    >>> with executor(workers=1) as pool:   # doctest: +SKIP
    ...     list(pool.map(abs, [-1, -2]))
    [1, 2]
    """
    if address is None:
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be 1 or more, but is {workers}")
        return ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn"))
    if workers is not None:
        raise ValueError("workers is the number of processes on this machine; a cluster has its own")
    return client(address).get_executor()


def client(address: str) -> Any:
    """A connection to the Dask scheduler at ``address``; use it in a ``with`` block.

    Raises
    ------
    ImportError : the extra "distributed" is not installed.
    OSError : nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError(
            f"to work on the Dask cluster at {address}, install the extra: pip install 'cxstats[distributed]'"
        ) from None
    return Client(address)
