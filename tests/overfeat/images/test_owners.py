"""Who decodes what: every picture has one owner, and every minibatch is shared nearly evenly, over groups."""

import numpy as np
import pytest

from overfeat.images.owners import Owners


def parts(ranks: int, batch_size: int, views: int, pictures: int, groups: int) -> np.ndarray:
    """Return how many views of each minibatch each rank has, ``(minibatches, ranks)``."""
    random, owners = np.random.default_rng(0), Owners(ranks, batch_size)
    stream = []
    for _ in range(groups):
        order = random.permutation(pictures * views)
        of_picture = owners.of_group(order, pictures)
        assert of_picture.shape == (pictures,)
        stream.append(of_picture[order // views])
    whole = np.concatenate(stream)
    starts = range(0, len(whole), batch_size)
    return np.array([np.bincount(whole[i : i + batch_size], minlength=ranks) for i in starts])


@pytest.mark.parametrize(("ranks", "batch_size", "pictures"), [(2, 16, 40), (3, 16, 40), (4, 64, 256), (2, 7, 30)])
def test_pictures_with_one_view_are_shared_as_evenly_as_can_be(ranks: int, batch_size: int, pictures: int) -> None:
    shared = parts(ranks, batch_size, 1, pictures, 4)  # minibatches reach over groups
    assert (shared.max(1) - shared.min(1) <= 1).all()


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_the_largest_part_of_a_minibatch_is_little_more_than_an_even_one(ranks: int) -> None:
    shared = parts(ranks, 128, 10, 256, 4)
    at_random = np.random.default_rng(0).multinomial(128, [1 / ranks] * ranks, len(shared))
    excess, excess_at_random = (counts.max(1).mean() / (128 / ranks) - 1 for counts in (shared, at_random))
    assert excess < 0.12
    assert excess < 0.45 * excess_at_random


def test_one_process_has_all() -> None:
    assert not Owners(1, 8).of_group(np.arange(20), 10).any()
