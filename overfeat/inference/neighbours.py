"""Which boxes match within a level: looked for among those whose centres are near, in the cells of a grid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overfeat.inference.matching import Floats, Ints, Rule

_BLOCK = 1 << 14  # candidates compared at once, so that they stay in the processor's cache
_CELLS = 12  # per box, at most
_SIDE = 0.5  # of a cell, in mean reaches


@dataclass(frozen=True)
class Pairs:
    """Two boxes by their numbers, and their match score."""

    first: Ints
    second: Ints
    scores: Floats

    def take(self, keep: Ints) -> "Pairs":
        """Return the pairs with these numbers."""
        return Pairs(self.first.take(keep), self.second.take(keep), self.scores.take(keep))

    @classmethod
    def joined(cls, pairs: list["Pairs"]) -> "Pairs":
        """Return the pairs of all."""
        return cls(
            np.concatenate([p.first for p in pairs]),
            np.concatenate([p.second for p in pairs]),
            np.concatenate([p.scores for p in pairs]),
        )


@dataclass(frozen=True)
class Pool:
    """The boxes among which neighbours are looked for.

    Attributes:
        boxes: ``(8, N)``.
        groups: dense numbers from 0.
        born: when each came to be.
        ended: when each was merged into another. What ended before the other was born is no neighbour.
    """

    boxes: Floats
    groups: Ints
    born: Floats
    ended: Floats


@dataclass(frozen=True)
class Candidates:
    """For each query ranges of a sorted order in which its neighbours lie: many ranges, each of one query."""

    queries: Ints
    order: Ints
    begins: Ints
    counts: Ints
    reach_x: Floats

    def blocks(self) -> Iterator[tuple[Ints, Ints]]:
        """Yield the number of the range and the place in the order of each candidate."""
        totals = np.cumsum(self.counts)
        shifts = self.begins - (totals - self.counts)
        start = done = 0
        while start < len(totals):
            stop = max(int(np.searchsorted(totals, done + _BLOCK)), start + 1)
            rows = np.repeat(np.arange(start, stop), self.counts[start:stop])
            yield rows, shifts.take(rows) + np.arange(done, done + len(rows))
            start, done = stop, int(totals[stop - 1])


class Grid:
    """A grid over the centres of boxes and of any of their averages, for matches within one level.

    Cells follow one another from top to bottom, column by column, group by group.
    """

    def __init__(self, rule: Rule, boxes: Floats, groups: Ints, level: float) -> None:
        self.rule, self.level = rule, level
        self.longest = float(boxes[7].max())
        self.rounding = 1e-12 * float(np.abs(boxes[:4]).max())  # more than all of it
        self.corner = boxes[4:6].min(axis=1)
        extent = boxes[4:6].max(axis=1) - self.corner
        number = int(groups.max()) + 1
        cells = 1 + np.minimum(extent / np.maximum(self.reach(boxes).mean(axis=1) * _SIDE, 1e-100), 1e6)
        cells = np.maximum(cells * min(1.0, (_CELLS * len(groups) / number / cells.prod()) ** 0.5), 1)
        self.sides = np.maximum(extent / cells, 1e-100)
        self.columns, self.lines = (int(c) + 1 for c in np.floor(extent / self.sides))
        self.cells = number * self.columns * self.lines

    def reach(self, boxes: Floats) -> Floats:
        """Return how far in x and y, ``(2, N)``, the centre of a match can be."""
        reach = self.rule.reach(boxes, self.level, self.longest)
        return reach * (1 + 1e-9) + self.rounding

    def candidates(self, boxes: Floats, groups: Ints, queries: Ints) -> Candidates:
        """Return where the neighbours of each query are; if all are queries, each pair once."""
        column, row = self._column(boxes[4]), self._line(boxes[5])
        cells = (groups * self.columns + column) * self.lines + row
        order = np.argsort(cells)
        starts = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=self.cells))])
        every = len(queries) == len(order)  # then a pair is found from its left or, within a column, earlier box
        asked = boxes.take(queries, axis=1)
        reach = self.reach(asked)
        left = column.take(queries) if every else self._column(asked[4] - reach[0])
        spans = self._column(asked[4] + reach[0]) - left + 1
        rows, leftmost = np.repeat(np.arange(len(queries)), spans), np.cumsum(spans) - spans
        tops = ((groups.take(queries) * self.columns + left - leftmost).take(rows) + np.arange(len(rows))) * self.lines
        begins = starts.take(tops + self._line(asked[5] - reach[1]).take(rows))
        ends = starts.take(tops + self._line(asked[5] + reach[1]).take(rows) + 1)
        if every:
            place = np.empty_like(order)
            place[order] = np.arange(1, len(order) + 1)
            begins[leftmost] = place.take(queries)
        return Candidates(queries.take(rows), order, begins, np.maximum(ends - begins, 0), reach[0].take(rows))

    def pairs(self, pool: Pool, candidates: Candidates) -> Pairs:
        """Return the pairs of a query and any box that match within the level, each once."""
        asked, order = candidates.queries, candidates.order
        fresh = np.zeros(len(order), bool)
        fresh[asked] = True
        every = bool(fresh.all())
        tests = [(pool.boxes[4], candidates.reach_x)]
        spread = self.rule.spread(self.level)
        if spread < np.inf:
            tests.append((np.log(pool.boxes[6]), np.broadcast_to(spread, asked.shape)))
        near = [(values.take(order), values.take(asked), most) for values, most in tests]
        ended, born = pool.ended.take(order), pool.born.take(asked)
        found = [Pairs(asked[:0], asked[:0], np.empty(0))]
        for rows, places in candidates.blocks():
            if not every:
                keep = np.flatnonzero(ended.take(places) >= born.take(rows))
                rows, places = rows.take(keep), places.take(keep)
            for theirs, ours, most in near:
                apart = theirs.take(places) - ours.take(rows)
                keep = np.flatnonzero(np.abs(apart, out=apart) <= most.take(rows))
                rows, places = rows.take(keep), places.take(keep)
            first, second = asked.take(rows), order.take(places)
            if not every:  # two queries find one another, and each itself
                keep = np.flatnonzero((first < second) | ~fresh.take(second))
                first, second = first.take(keep), second.take(keep)
            scores = self.rule.scores(pool.boxes.take(first, axis=1), pool.boxes.take(second, axis=1))
            found.append(Pairs(first, second, scores).take(np.flatnonzero(scores <= self.level)))
        return Pairs.joined(found)

    def _column(self, x: Floats) -> Ints:
        return self._step(x - self.corner[0], self.sides[0], self.columns)

    def _line(self, y: Floats) -> Ints:
        return self._step(y - self.corner[1], self.sides[1], self.lines)

    @staticmethod
    def _step(at: Floats, side: float, count: int) -> NDArray[np.int64]:
        return np.minimum(np.maximum(at / side, 0), count - 1).astype(np.int64)
