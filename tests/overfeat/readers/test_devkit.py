"""The development kit: which synsets are classes, and that a damaged kit is named."""

import gzip

import pytest

from overfeat.errors import DatasetError
from overfeat.readers.devkit import load_devkit


def test_labels_follow_the_numbers_of_the_kit(release):
    kit = load_devkit(release.devkit(ground_truth="2\r\n1\r\n\r\n3\r\n"))
    assert [record.label for record in kit.classes] == [release.dog, release.cat]
    assert kit.validation_labels == (release.dog, release.cat, None, None)


def test_a_kit_with_one_synset_is_read(release, build):
    kit = load_devkit(release.devkit(build.meta([(7, "n1", "one", 0)]), "7\n"))
    assert [(record.label, record.name) for record in kit.classes] == [("n1", "one")]
    assert kit.validation_labels == ("n1",)


def test_a_kit_that_is_replaced_is_read_again(release):
    assert load_devkit(release.devkit(ground_truth="1\n")).validation_labels == (release.cat,)
    assert load_devkit(release.devkit(ground_truth="2\n")).validation_labels == (release.dog,)


@pytest.mark.parametrize(
    "synsets",
    [
        [(1, "n1", "one", 2)],
        [(1, "n1", "one", 0), (1, "n2", "two", 0)],
        [(1, "n1", "one", 0), (2, "n1", "two", 0)],
    ],
    ids=["no class", "a number twice", "a label twice"],
)
def test_a_table_that_is_not_of_a_release_is_refused(release, build, synsets):
    with pytest.raises(DatasetError, match="not that of ILSVRC2012"):
        load_devkit(release.devkit(build.meta(synsets)))


@pytest.mark.parametrize("keep", [0, 50, 130, 200, 400])
def test_a_damaged_table_is_named(release, build, keep):
    with pytest.raises(DatasetError, match=r"meta\.mat in .* cannot be read"):
        load_devkit(release.devkit(build.meta()[:keep]))


def test_a_file_that_is_missing_is_named(release, build):
    path = release.devkit()
    path.write_bytes(gzip.compress(build.tar(("kit/data/meta.mat", build.meta()))))
    with pytest.raises(DatasetError, match=r"no ILSVRC2012_validation_ground_truth\.txt"):
        load_devkit(path)


def test_a_cut_kit_is_named(release):
    path = release.devkit()
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DatasetError, match="fetch it again"):
        load_devkit(path)
