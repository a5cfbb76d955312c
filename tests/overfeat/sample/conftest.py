"""A small sample, and what it is made of."""

import pytest

from overfeat.sample import write_detection_sample, write_sample
from overfeat.sample.sources import load_sources

SEED, TRAIN, VAL = 3, 64, 30


@pytest.fixture(scope="session")
def sources():
    """The scans and photographs."""
    return load_sources()


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A sample of 64 training and 30 validation pictures, of seed 3. Tests only read it."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, SEED, TRAIN, VAL)
    return folder


@pytest.fixture(scope="session")
def detection_sample(tmp_path_factory):
    """The folder "ILSVRC" of a detection half of 40 training and 20 validation pictures, of seed 3, only to be read."""
    folder = tmp_path_factory.mktemp("detection_sample")
    write_detection_sample(folder, 3, 40, 20)
    return folder / "ILSVRC"
