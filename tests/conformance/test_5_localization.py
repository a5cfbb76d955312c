"""SPEC 5: the greedy merge, and the measure of localization."""

import numpy as np
import pandas as pd
import pytest

from overfeat import merge_boxes
from overfeat.config import MergeSettings
from overfeat.evaluation.localization import hits
from overfeat.inference.merge import merge_groups

A = np.array([0.0, 0.0, 100.0, 100.0])


def shifted(x: float, y: float = 0.0) -> np.ndarray:
    return A + np.array([x, y, x, y])


def test_taken_literally_strangers_score_better_than_duplicates() -> None:
    near, far = np.stack([A, shifted(2, 2)]), np.stack([A, shifted(300)])
    # 98 x 98 shared pixels and a centre distance of 2.83 for the one, none and 300 for the other
    duplicates, strangers = 98 * 98 + 8**0.5, 300.0
    assert round(duplicates) == 9607
    assert len(merge_boxes(near, [1, 1], threshold=duplicates - 1, match="literal")[0]) == 2
    assert len(merge_boxes(near, [1, 1], threshold=duplicates + 1, match="literal")[0]) == 1
    assert len(merge_boxes(far, [1, 1], threshold=strangers - 1, match="literal")[0]) == 2
    assert len(merge_boxes(far, [1, 1], threshold=strangers, match="literal")[0]) == 1  # it does not exceed it


def test_the_default_is_centre_distance_over_the_mean_diagonal_plus_one_minus_iou() -> None:
    assert MergeSettings().match == "normalized"
    boxes = np.stack([A, shifted(20)])
    score = 20 / (100 * 2**0.5) + 1 - 80 / 120
    assert len(merge_boxes(boxes, [1, 1], threshold=score - 1e-6)[0]) == 2
    assert len(merge_boxes(boxes, [1, 1], threshold=score + 1e-6)[0]) == 1


def test_the_pair_with_the_smallest_score_is_merged_first_until_the_threshold() -> None:
    # 14 and 10 pixels apart, and both near enough: the two on the right go first. What they become, at 19, is too far
    # from the one on the left; had that been taken first, its box at 7 would be too far from the one on the right
    boxes = np.stack([A, shifted(14), shifted(24)])
    merged, _, members = merge_boxes(boxes, [1, 1, 1], threshold=0.4)
    assert sorted(map(sorted, (part.tolist() for part in members))) == [[0], [1, 2]]
    assert sorted(merged[:, 0].tolist()) == [0, 19]
    merged, _, _ = merge_boxes(boxes, [1, 1, 1], threshold=0.5)
    np.testing.assert_allclose(merged[:, 0], [38 / 3])


def test_a_merged_box_is_the_mean_of_all_its_members_whatever_the_order_of_merging() -> None:
    boxes = np.stack([A, shifted(3), shifted(9), shifted(18), shifted(2, 4)])
    merged, scores, members = merge_boxes(boxes, [1, 2, 3, 4, 5], threshold=1.0)
    assert len(merged) == 1
    np.testing.assert_allclose(merged[0], boxes.mean(0))
    assert members[0].tolist() == [0, 1, 2, 3, 4]
    assert scores.tolist() == [15]  # the sum of the class outputs of the windows merged into it


def test_the_best_merged_box_is_the_one_with_the_greatest_sum() -> None:
    boxes = np.stack([shifted(500), A, shifted(2)])
    merged, scores, _ = merge_boxes(boxes, [0.9, 0.5, 0.6])
    assert scores.tolist() == pytest.approx([1.1, 0.9])
    assert merged[0].tolist() == [1, 0, 101, 100]


def test_merging_does_not_depend_on_the_order_of_the_boxes() -> None:
    # of one size and at equal steps, so that many pairs are equally near; and twice each
    random = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(np.arange(6) * 20.0, np.arange(5) * 20.0), axis=-1).reshape(-1, 2).repeat(2, axis=0)
    boxes, scores = np.concatenate([corners, corners + 100], axis=1), random.random(60)
    first = merge_boxes(boxes, scores)
    assert 1 < len(first[0]) < 30
    order = random.permutation(60)
    second = merge_boxes(boxes[order], scores[order])
    for one, other in zip(first[:2], second[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert [part.tolist() for part in first[2]] == [sorted(order[part].tolist()) for part in second[2]]
    groups = random.integers(0, 2, 60)
    (one, clusters), (other, of_shuffled) = merge_groups(boxes, groups), merge_groups(boxes[order], groups[order])
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(clusters[order], of_shuffled)


@pytest.mark.parametrize(("side", "right"), [(50.0, True), (49.0, False)])
def test_a_picture_is_right_if_one_of_five_guesses_has_class_and_half_of_a_box(side: float, right: bool) -> None:
    boxes = [("p", "cat", 500, 0, 600, 100), ("p", "cat", 0, 0, 100, 100), ("p", "cat", 500, 500, 600, 600)]
    objects = pd.DataFrame(boxes, columns=["image_id", "label", "x1", "y1", "x2", "y2"])
    guesses = pd.DataFrame(
        [("p", "dog", rank, 0, 0, 100, 100) for rank in (1, 2, 3, 4)] + [("p", "cat", 5, 0, 0, 100, side)],
        columns=["image_id", "label", "rank", "x1", "y1", "x2", "y2"],
    )
    assert hits(guesses, objects, {"p": "cat"})["right"].tolist() == [right]
    sixth = guesses.assign(rank=guesses["rank"] + 1)
    assert hits(sixth, objects, {"p": "cat"})["right"].tolist() == [False]
