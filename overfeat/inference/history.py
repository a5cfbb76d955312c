"""The merges of greedy up to some level, found in rounds instead of one after another.

In each round all pairs merge that are the earliest of both their boxes (``moments.py`` says when a pair would merge).
That runs ahead: a merge elsewhere, found later but earlier in greedy's order, may yield a box that comes between. So
every new box is compared with all that are or were there at its time. Where two boxes should have merged before what
ended either, that is undone with all that came of it, and the rounds go on until nothing is left to merge or to undo.

Why this is greedy: put the merges in order and let the first of them agree with greedy. Of the boxes then there, greedy
takes the earliest pair. Had the history taken another one next, that pair would have been due before either of its
boxes ended, which was ruled out. It comes to an end, since the earliest disagreement moves on: merges before it are
not undone, and the pair that greedy takes there is the earliest of both its boxes.
"""

import numpy as np

from overfeat.inference.matching import Floats, Ints, average
from overfeat.inference.moments import earlier, moments, mutual_best
from overfeat.inference.neighbours import Grid, Pairs, Pool


class History:
    """Boxes that were given or came to be, numbered from 1 as they came; 0 stands for no box.

    Attributes:
        boxes: ``(8, N)``.
        members: how many given boxes each was merged from.
        slots: the place of each in the order of boxes; a merged box takes the lower of two.
        groups: dense numbers from 0.
        born: the moment each came to be, ``(5, N)``; at 0 the end of time.
        parents: the two boxes that were merged into each, ``(2, N)``, the one of the lower slot first.
        child: the box that each was merged into; 0 where it is still there, -1 where it was undone.
        count: how many columns are in use.
        pairs: the matches of boxes that are there.
        back: boxes that are there again, since what they were merged into was undone.
        horizon: for each group a time before which nothing can change any more; infinite once it is done.
    """

    def __init__(self, boxes: Floats, members: Floats, slots: Ints, groups: Ints) -> None:
        self.count = len(slots) + 1
        self.boxes = np.concatenate([boxes[:, :1], boxes], axis=1)
        self.members, self.slots, self.groups = (np.concatenate([a[:1], a]) for a in (members, slots, groups))
        self.born = np.zeros((5, self.count))
        self.born[0] = -np.arange(1.0, self.count + 1)  # before any merge, and no two at a time
        self.born[0, 0] = np.inf
        self.parents, self.child = np.zeros((2, self.count), np.int64), np.zeros(self.count, np.int64)
        self.child[0] = -1
        self.back = np.empty(0, np.int64)
        self._undone_at = np.empty(0)  # the time of the merge that had taken each of them
        self.horizon = np.full(int(groups.max()) + 1, np.inf)

    def run(self, grid: Grid, found: Pairs) -> None:
        """Merge until no match is left.

        Args:
            grid: finds matches within the level.
            found: the matches of the given boxes, by their numbers less 1.
        """
        self.pairs = Pairs(found.first + 1, found.second + 1, found.scores)
        while len(self.pairs.scores) or len(self.back):
            times = self._times(self.pairs)
            self._advance(times)
            chosen = mutual_best(
                self.count,
                self.pairs.first,
                self.pairs.second,
                times,
                lambda numbers: self._moments(self.pairs.take(numbers)),
            )
            new = self._merge(self.pairs.take(chosen))
            again = self.back
            self.pairs = self._standing(self.pairs, but=again)
            near = self._near(np.concatenate([again, new]), grid)
            self._undo(near)
            self.pairs = self._standing(Pairs.joined([self.pairs, near]))

    def merges(self) -> tuple[Ints, Ints]:
        """Return what was merged: the slots that took a box, and those that were emptied into them."""
        made = np.flatnonzero((self.child[: self.count] >= 0) & (self.parents[0, : self.count] > 0))
        return self.slots[made], self.slots[self.parents[1, made]]

    def present(self) -> Ints:
        """Return the numbers of the boxes that are there."""
        return np.flatnonzero(self.child[: self.count] == 0)

    def _times(self, pairs: Pairs) -> Floats:
        """Return the top row of the pairs' moments."""
        born = self.born[0]
        return np.asarray(np.maximum(pairs.scores, np.maximum(born.take(pairs.first), born.take(pairs.second))))

    def _moments(self, pairs: Pairs) -> Floats:
        one, other = self.slots.take(pairs.first), self.slots.take(pairs.second)
        name = np.minimum(one, other) * float(self.slots.max() + 1) + np.maximum(one, other)
        born = self.born
        return moments(pairs.scores, name, born.take(pairs.first, axis=1), born.take(pairs.second, axis=1))

    def _ended(self) -> Floats:
        """Return the time at which each box was merged: infinite if it is there, and before all time if undone."""
        child = self.child[: self.count]
        return np.where(child < 0, -np.inf, self.born[0].take(child))

    def _advance(self, times: Floats) -> None:
        """Move the horizon: all that is still to come is later than a match, or than a merge that was undone."""
        self.horizon[:] = np.inf
        np.minimum.at(self.horizon, self.groups.take(self.pairs.first), times)
        np.minimum.at(self.horizon, self.groups.take(self.back), self._undone_at)

    def _merge(self, pairs: Pairs) -> Ints:
        """Merge the pairs and return the numbers of the new boxes."""
        swapped = self.slots.take(pairs.first) > self.slots.take(pairs.second)
        parents = np.where(swapped, [pairs.second, pairs.first], [pairs.first, pairs.second])
        start, self.count = self.count, self.count + len(swapped)
        while self.count > len(self.child):
            self._grow()
        new = slice(start, self.count)
        one, other = parents
        self.members[new] = self.members[one] + self.members[other]
        share = self.members[other] / self.members[new]
        self.boxes[:, new] = average(self.boxes.take(one, axis=1), self.boxes.take(other, axis=1), share)
        self.slots[new], self.groups[new] = self.slots[one], self.groups[one]
        self.born[:, new] = self._moments(pairs)
        self.parents[:, new], self.child[new] = parents, 0
        numbers = np.arange(start, self.count)
        self.child[one] = self.child[other] = numbers
        return numbers

    def _grow(self) -> None:
        for name in ("boxes", "members", "slots", "groups", "born", "parents", "child"):
            rows = getattr(self, name)
            setattr(self, name, np.concatenate([rows, np.zeros_like(rows)], axis=-1))

    def _near(self, queries: Ints, grid: Grid) -> Pairs:
        """Return the matches of some boxes with all that were there at their time."""
        ended, horizon = self._ended(), self.horizon.take(self.groups[: self.count])
        pool = np.flatnonzero((ended >= horizon) & (horizon < np.inf))
        boxes, groups = self.boxes.take(pool, axis=1), self.groups.take(pool)
        candidates = grid.candidates(boxes, groups, np.searchsorted(pool, queries))
        near = grid.pairs(Pool(boxes, groups, self.born[0].take(pool), ended.take(pool)), candidates)
        return Pairs(pool.take(near.first), pool.take(near.second), near.scores)

    def _standing(self, pairs: Pairs, but: Ints | None = None) -> Pairs:
        """Return the pairs of which both boxes are there; without those of some boxes."""
        there = self.child[: self.count] == 0
        if but is not None:
            there[but] = False
        return pairs.take(np.flatnonzero(there.take(pairs.first) & there.take(pairs.second)))

    def _undo(self, pairs: Pairs) -> None:
        """Undo what ended the boxes of pairs that would have merged before, and all that came of it."""
        ended = self._ended()
        until = np.minimum(ended.take(pairs.first), ended.take(pairs.second))
        pairs = pairs.take(np.flatnonzero((self._times(pairs) <= until) & (until < np.inf)))
        one, other = self.child.take(pairs.first), self.child.take(pairs.second)
        apart = np.flatnonzero((one != pairs.second) & (other != pairs.first))  # a box ends as its child is born
        pairs, one, other = pairs.take(apart), one.take(apart), other.take(apart)
        a, b = self.born.take(one, axis=1), self.born.take(other, axis=1)
        due = earlier(self._moments(pairs), np.where(earlier(a, b), a, b))
        wrong = np.unique(np.concatenate([one[due], other[due]]))
        wrong, undone = wrong[wrong > 0], [wrong[:0]]
        while len(wrong):
            undone.append(wrong)
            after = self.child[wrong]
            wrong = np.unique(after[after > 0])
        gone = np.unique(np.concatenate(undone))
        parents = np.unique(self.parents[:, gone])
        times = self.born[0].take(self.child.take(parents))
        self.child[parents] = 0
        self.child[gone] = -1
        there = np.flatnonzero(self.child.take(parents) == 0)
        self.back, self._undone_at = parents.take(there), times.take(there)
