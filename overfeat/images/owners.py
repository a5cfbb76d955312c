"""Which of several processes decodes which picture: no picture twice, and the parts of every minibatch nearly even."""

import numpy as np
from numpy.typing import NDArray


class Owners:
    """Gives the pictures of one group after the other to ranks.

    The minibatches are settled before; a rank's part of one is the views of its own pictures. Each picture goes to the
    rank that has least in the minibatches it is in. Every rank computes the same.
    """

    def __init__(self, ranks: int, batch_size: int) -> None:
        self._ranks, self._batch_size = ranks, batch_size
        self._begun = np.zeros(ranks, np.int64)
        """Views by rank in a minibatch that the last group left unfilled."""

    def of_group(self, order: NDArray[np.int64], pictures: int) -> NDArray[np.int64]:
        """Return the rank of each picture of the next group, int64 ``(pictures,)``.

        Args:
            order: the view at each place of the group's shuffled views, ``(pictures * views a picture,)``; the views
                of a picture follow each other.
            pictures: in the group.
        """
        owners = np.zeros(pictures, np.int64)
        if self._ranks == 1:
            return owners
        places = np.empty_like(order)
        places[order] = np.arange(len(order))
        begun = int(self._begun.sum())
        whole = (begun + len(order)) // self._batch_size
        minibatches = ((begun + places) // self._batch_size).reshape(pictures, -1)
        loads = np.zeros((self._ranks, whole + 1), np.int64)
        loads[:, 0] = self._begun
        for picture, where in enumerate(minibatches):
            owner = owners[picture] = loads[:, where].sum(1).argmin()
            np.add.at(loads[owner], where, 1)
        self._begun = loads[:, whole]
        return owners
