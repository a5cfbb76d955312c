"""When two boxes merge, in the order of greedy.

Greedy takes pairs by rising score, and of equal ones that of the lower slots first. Only where a merged box matches
another better than the pair just merged does the score fall, and then this merge follows at once. So the moment of a
merge is a column of five rows, compared from the top: score and slots of the highest pair up to it, how many merges
ago that was, and score and slots of its own. It depends on nothing but the pair, and when its boxes came to be.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from overfeat.inference.matching import Floats, Ints


def moments(scores: Floats, slots: Floats, one: Floats, other: Floats) -> Floats:
    """Return the moments ``(5, N)`` at which pairs would merge.

    Args:
        scores: ``(N,)``, of the pairs.
        slots: ``(N,)``, a number for the two slots.
        one: the moments at which one box of each pair came to be, ``(5, N)``.
        other: of the other boxes.
    """
    own = np.stack([scores, slots])
    later = np.where(earlier(one, other), other, one)
    falls = earlier(own, later[:2])
    return np.concatenate([np.where(falls, later[:2], own), np.where(falls, later[2:3] + 1, 0), own])


def earlier(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Return whether each column of ``a`` comes before that of ``b``."""
    before = a[0] < b[0]
    tied = np.flatnonzero(a[0] == b[0])
    if len(tied):
        before[tied] = _first_difference(a[1:, tied], b[1:, tied]) < 0
    return np.asarray(before)


def _first_difference(a: Floats, b: Floats) -> NDArray[np.int64]:
    """Return -1, 0 or 1 as each column of ``a`` is less than, equal to or greater than that of ``b``."""
    sign = np.zeros(a.shape[1], np.int64)
    for x, y in zip(a, b, strict=True):
        sign = np.where(sign == 0, (x > y).astype(np.int64) - (x < y), sign)
    return sign


def mutual_best(count: int, first: Ints, second: Ints, times: Floats, exact: Callable[[Ints], Floats]) -> Ints:
    """Return the numbers of the pairs that are the earliest of both their boxes.

    Args:
        count: of boxes.
        first: ``(N,)``, one box of each pair.
        second: the other.
        times: the top row of the pairs' moments.
        exact: gives the moments ``(5, M)`` of some pairs by their numbers; called where times are equal.
    """
    best = np.full(count, np.inf)
    np.minimum.at(best, first, times)
    np.minimum.at(best, second, times)
    of_first, of_second = times == best.take(first), times == best.take(second)
    both = np.flatnonzero(of_first & of_second)
    if np.count_nonzero(of_first) + np.count_nonzero(of_second) == np.count_nonzero(best < np.inf):
        return both
    several = np.bincount(first[of_first], minlength=count) + np.bincount(second[of_second], minlength=count) > 1
    of_first &= several.take(first)
    of_second &= several.take(second)
    ties = np.flatnonzero(of_first | of_second)
    latest = ties[np.lexsort(exact(ties)[::-1])[::-1]]
    choice = np.full(count, -1)
    ends = np.stack([first[latest], second[latest]], axis=1).ravel()
    choice[ends] = np.repeat(latest, 2)  # of each box the earliest, which is written last
    fits_first = ~several.take(first[both]) | (choice.take(first[both]) == both)
    fits_second = ~several.take(second[both]) | (choice.take(second[both]) == both)
    return both.take(np.flatnonzero(fits_first & fits_second))
