"""The archives of the sample beside those of the release: names, headers, annotation and devkit."""

import io
import tarfile

from scipy.io import loadmat

from overfeat.sample.digits import compose
from overfeat.sample.synsets import number_of, synset_table


def members(path):
    with tarfile.open(path) as archive:
        return {info.name: (info, archive.extractfile(info).read()) for info in archive}


def test_names_are_those_of_the_release(sample):
    outer = members(sample / "ILSVRC2012_img_train.tar")
    assert list(outer) == [f"n9000000{digit}.tar" for digit in range(10)]
    with tarfile.open(fileobj=io.BytesIO(outer["n90000003.tar"][1])) as inner:
        assert inner.getnames() == [f"n90000003_{number}.JPEG" for number in range(len(inner.getnames()))]
    val = list(members(sample / "ILSVRC2012_img_val.tar"))
    assert val == [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 31)]
    boxes = list(members(sample / "ILSVRC2012_bbox_val_v3.tgz"))
    assert boxes == [f"val/ILSVRC2012_val_{number:08d}.xml" for number in range(1, 31)]
    assert "n90000003/n90000003_0.xml" in members(sample / "ILSVRC2012_bbox_train_v2.tar.gz")


def test_no_time_or_owner_is_written(sample):
    for path in sample.iterdir():
        for info, _ in members(path).values():
            assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
        if path.suffix in (".gz", ".tgz"):
            head = path.read_bytes()[:10]
            assert head[:8] == b"\x1f\x8b\x08" + bytes(5)  # gzip, no file name, time 0


def test_the_devkit_says_which_digit_each_validation_picture_shows(sample, sources):
    files = members(sample / "ILSVRC2012_devkit_t12.tar.gz")
    base = "ILSVRC2012_devkit_t12"
    assert set(files) == {
        f"{base}/readme.txt",
        f"{base}/data/meta.mat",
        f"{base}/data/ILSVRC2012_validation_ground_truth.txt",
    }
    truth = files[f"{base}/data/ILSVRC2012_validation_ground_truth.txt"][1].decode().splitlines()
    assert [int(line) for line in truth] == [number_of(compose(sources, 3, "val", i).digit) for i in range(30)]


def test_the_table_of_synsets_is_as_the_release_has_it():
    table = loadmat(io.BytesIO(synset_table(list(range(100, 110)))))["synsets"]
    assert table.shape == (11, 1)
    assert table.dtype.names[:3] == ("ILSVRC2012_ID", "WNID", "words")
    rows = [{name: row[name].squeeze().tolist() for name in table.dtype.names} for row in table[:, 0]]
    assert [row["ILSVRC2012_ID"] for row in rows] == list(range(1, 12))
    leaves = {row["WNID"]: row for row in rows if row["num_children"] == 0}
    assert sorted(leaves) == [f"n9000000{digit}" for digit in range(10)]
    assert list(leaves) != sorted(leaves)
    assert leaves["n90000007"]["words"] == "digit seven"
    assert leaves["n90000007"]["num_train_images"] == 107
    assert rows[10]["children"] == list(range(1, 11))
