"""The greedy merge of ``merge.py``, by many pairs at once with the same result as one pair at a time."""

import numpy as np

from overfeat.inference.history import History
from overfeat.inference.matching import Floats, Ints, Rule, measured
from overfeat.inference.neighbours import Grid, Pool

FARTHEST = 1e30  # coordinates beyond it are refused
_CANDIDATES = 60  # per box, above which neighbours are looked for within a part of the level
_GROWTH = 1.5  # from one part to the next


class Slots:
    """All boxes of a merge, in numbered slots: the merge of slots ``i < j`` stays in ``i``.

    Attributes:
        boxes: ``(8, N)``, see ``matching.py``.
        members: how many boxes were merged into each slot, itself included.
        groups: dense numbers from 0, ascending.
        into: for each slot the one it was merged into, or itself.
    """

    def __init__(self, corners: Floats, members: Floats, groups: Ints) -> None:
        self.boxes, self.members, self.groups = measured(corners), members, groups
        self.into = np.arange(len(groups))

    def active(self) -> Ints:
        """Return the slots that hold a box."""
        return np.flatnonzero(self.into == np.arange(len(self.into)))

    def roots(self) -> Ints:
        """Return the slot that each box ended in."""
        roots = self.into
        while not np.array_equal(roots, roots[roots]):
            roots = roots[roots]
        return roots


def merge_within(slots: Slots, threshold: float, literal: bool) -> None:
    """Merge until the best match of every group exceeds the threshold.

    Neighbours are looked for within the threshold or, if that yields too many, within a part of it that is raised when
    all that it yields is merged: greedy up to a part is a beginning of greedy up to the whole.
    """
    rule = Rule.of(slots.boxes, literal)
    level = -1.0 if len(slots.into) else threshold
    while level < threshold:
        level = _merge_part(slots, rule, level, threshold)


def _merge_part(slots: Slots, rule: Rule, last: float, threshold: float) -> float:
    """Merge up to a level above the last one, and return it."""
    active = slots.active()
    boxes, groups = slots.boxes[:, active], slots.groups[active]
    every, level = np.arange(len(active)), threshold
    while True:
        grid = Grid(rule, boxes, groups, level)
        candidates = grid.candidates(boxes, groups, every)
        if candidates.counts.sum() <= _CANDIDATES * len(active) or level / 2 <= max(last, 1e-9):
            break
        level /= _GROWTH
    history = History(boxes, slots.members[active], active, groups)
    always = Pool(boxes, groups, np.full(len(active), -np.inf), np.full(len(active), np.inf))
    history.run(grid, grid.pairs(always, candidates))
    into, emptied = history.merges()
    slots.into[emptied] = into
    left = history.present()
    slots.boxes[:, history.slots[left]] = history.boxes[:, left]
    slots.members[history.slots[left]] = history.members[left]
    return level
