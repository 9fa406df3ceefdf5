"""The percentile bootstrap of a bounded mean, worked out instead of drawn.

A multinomial bootstrap replicate is the mean of n draws from the observed shares. Where the values lie
on a lattice (−100, 0, 100; 1, 2, …, 7) the distribution of their sum is the n-th power of one
characteristic function, so the percentile limits of infinitely many replicates cost one FFT.
Values off a lattice are drawn, with a seed.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

__all__ = ["bootstrap_limits", "lattice_steps"]

_LARGEST_STEPS = 1000
_CHUNK = 2_000_000  # numbers in one array


def lattice_steps(values: np.ndarray) -> np.ndarray | None:
    """Whole numbers proportional to ``values − values[0]``, or None where there are no small ones.

    >>> lattice_steps(np.array([-100.0, 0.0, 100.0])).tolist()
    [0, 1, 2]
    """
    above = values - values[0]
    for parts in range(1, 13):
        steps = above / above[1:].min() * parts
        whole = np.round(steps)
        if np.all(np.abs(steps - whole) < 1e-9 * parts) and whole[-1] <= _LARGEST_STEPS:
            whole = whole.astype(int)
            return whole // np.gcd.reduce(whole)
    return None


def bootstrap_limits(
    counts: np.ndarray, values: np.ndarray, draws: np.ndarray, level: float, *, seed: int, replicates: int
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile limits, one pair per row.

    Parameters
    ----------
    counts : shape (R, D). draws : answers drawn per replicate, whole numbers, shape (R,).
    seed, replicates : used only where the values lie on no lattice.
    """
    steps = lattice_steps(values)
    shares = counts / counts.sum(axis=1, keepdims=True)
    tail = (1 - level) / 2
    if steps is None:
        return _drawn(shares, values, draws, tail, seed=seed, replicates=replicates)
    low, high = np.empty(len(shares)), np.empty(len(shares))
    unit = (values[-1] - values[0]) / steps[-1]
    mean = shares @ steps
    sd = np.sqrt(np.maximum(shares @ steps.astype(float) ** 2 - mean**2, 0.0) * draws)
    # the sum wrapped on a circle longer than its distribution is the sum itself (mass outside below 1e-12)
    support = draws * steps[-1] + 1
    length = np.minimum(support, np.ceil(15 * sd).astype(int) + 40 * steps[-1])
    order = np.argsort(length)
    start = 0
    while start < len(order):
        stop = start + max(1, _CHUNK // int(length[order[start]]))
        rows = order[start:stop]
        size = int(length[rows].max())
        rows = rows[: max(1, _CHUNK // size)]
        first, last = _percentiles(shares[rows], steps, draws[rows], mean[rows], size, tail)
        low[rows] = values[0] + unit * first / draws[rows]
        high[rows] = values[0] + unit * last / draws[rows]
        start += len(rows)
    return low, high


def _percentiles(
    shares: np.ndarray, steps: np.ndarray, draws: np.ndarray, mean: np.ndarray, size: int, tail: float
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.fft import irfft, next_fast_len

    size = next_fast_len(size, real=True)
    felt = _felt(shares, steps, draws, size)
    turn = np.exp(-2j * np.pi * np.outer(steps, felt) / size)
    wave = shares @ turn.real + 1j * (shares @ turn.imag)
    with np.errstate(divide="ignore"):
        log_size = 0.5 * draws[:, None] * np.log(wave.real**2 + wave.imag**2)
    power = np.exp(np.maximum(log_size, -700) + 1j * draws[:, None] * np.angle(wave))
    begin = np.clip(np.floor(mean * draws).astype(int) - size // 2, 0, None)
    wanted = np.array([tail, 1 - tail]) - 1e-12
    if len(felt) * 4 * size.bit_length() < size:
        first, last = _sought(power, felt, size, begin, wanted)
        return begin + first, begin + last
    everywhere = np.zeros((len(shares), size // 2 + 1), dtype=complex)
    everywhere[:, felt] = power
    mass = irfft(everywhere, size, axis=1)
    place = (begin[:, None] + np.arange(size)) % size
    below = np.cumsum(np.take_along_axis(mass, place, axis=1), axis=1)
    first, last = ((below < share).sum(axis=1) for share in wanted)
    return begin + first, begin + last


def _felt(shares: np.ndarray, steps: np.ndarray, draws: np.ndarray, size: int) -> np.ndarray:
    """Frequencies that have not died out in the sum, in any of the rows: of a long sum few are left.

    A characteristic function squared is 1 less twice the sum, over pairs of values, of the product of their shares
    with 1 − cos of what they differ by; the smallest product of each pair bounds all rows.
    """
    turn = 2 * np.pi * np.arange(size // 2 + 1) / size
    square = np.ones(len(turn))
    for i, j in combinations(range(len(steps)), 2):
        square -= 2 * (shares[:, i] * shares[:, j]).min() * (1 - np.cos(turn * (steps[j] - steps[i])))
    return np.flatnonzero(0.5 * draws.min() * np.log(np.maximum(square, 1e-300)) > -34.0)


def _sought(
    power: np.ndarray, felt: np.ndarray, size: int, begin: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, ...]:
    """For each share wanted the first place, counted from ``begin``, up to which the sum has at least that probability.

    The probability of a stretch of places is a geometric sum at each frequency, so that no place between is looked at.
    """
    turn = 2 * np.pi * felt[1:] / size
    twice = np.where(2 * felt[1:] == size, 1.0, 2.0) / size
    part = power[:, 1:] * np.exp(1j * turn * begin[:, None]) * (twice / np.expm1(1j * turn))
    places = []
    for share in wanted:
        low, high = np.full(len(power), -1), np.full(len(power), size - 1)
        while np.any(high - low > 1):
            middle = (low + high) // 2
            wave = np.expm1(1j * turn * (middle[:, None] + 1))
            below = (middle + 1) / size + np.einsum("rf,rf->r", part, wave).real
            enough = below >= share
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        places.append(high)
    return tuple(places)


def _drawn(
    shares: np.ndarray, values: np.ndarray, draws: np.ndarray, tail: float, *, seed: int, replicates: int
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    limits = np.empty((len(shares), 2))
    for row, (share, n) in enumerate(zip(shares, draws, strict=True)):
        means = rng.multinomial(n, share / share.sum(), size=replicates) @ values / n
        limits[row] = np.quantile(means, [tail, 1 - tail], method="inverted_cdf")
    return limits[:, 0], limits[:, 1]
