import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.engine.digests import Digests
from pipelines.engine.errors import PipelineError
from pipelines.engine.fingerprint import differences, fingerprint, key_of
from pipelines.engine.graph import Entry

NAMES = st.sampled_from(["a", "b", "ab", "d/a", "d/e/a", "ü"])
TREES = st.dictionaries(NAMES, st.binary(max_size=4), min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1e-5]) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
ENTRY = Entry("s", ("data", "code.py"), (), (), ("s", "model"))


def _write(root: Path, tree: dict[str, bytes], code: bytes) -> None:
    shutil.rmtree(root / "data", ignore_errors=True)
    for name, content in tree.items():
        path = root / "data" / f"{name}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "code.py").write_bytes(code)


def _plain(value):
    """Return a value in which True is not 1 and 1 is not 1.0, as in the YAML they come from."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else (type(value).__name__, value)


STATES = st.tuples(TREES, st.binary(max_size=2), VALUES)


@settings(max_examples=60, deadline=None)
@given(before=STATES, after=STATES, undeclared=st.integers())
def test_the_key_changes_if_and_only_if_a_declared_thing_does(tmp_path_factory, before, after, undeclared):
    root = tmp_path_factory.mktemp("prints")
    keys = []
    for (tree, code, value), other in ((before, 0), (after, undeclared)):
        _write(root, tree, code)
        (root / "data/__pycache__").mkdir()
        (root / "data/__pycache__/x.pyc").write_text(str(other))
        keys.append(key_of(fingerprint(root, ENTRY, {"s": value, "model": "m", "undeclared": other})))
    same = before[:2] == after[:2] and _plain(before[2]) == _plain(after[2])
    assert (keys[0] == keys[1]) == same


def test_differences_name_what_changed(tmp_path):
    _write(tmp_path, {"a": b"1"}, b"x")
    before = fingerprint(tmp_path, ENTRY, {"s": 1, "model": "m"})
    _write(tmp_path, {"a": b"2"}, b"x")
    assert differences(before, fingerprint(tmp_path, ENTRY, {"s": 2, "model": "m"})) == ["dep data", "param s"]


def test_a_missing_dep_is_a_sentence(tmp_path):
    with pytest.raises(PipelineError, match=r"data is not there.*dvc repro s"):
        fingerprint(tmp_path, ENTRY, {"s": 1, "model": "m"})


def test_a_file_is_not_read_again_while_it_looks_the_same(tmp_path):
    file, digests = tmp_path / "big", Digests(tmp_path / "memory")
    file.write_bytes(b"one")
    past = time.time_ns() - 10**11
    os.utime(file, ns=(past, past))
    first = digests.of(file)
    file.write_bytes(b"two")  # the same size, file and, now, time: it must not be opened
    os.utime(file, ns=(past, past))
    assert digests.of(file) == first
    os.utime(file, ns=(past, past + 1))
    assert digests.of(file) != first


def test_a_file_that_was_just_written_is_read_again(tmp_path):
    file, digests = tmp_path / "fresh", Digests(tmp_path / "memory")
    seen, now = set(), time.time_ns()
    for content in (b"one", b"two"):  # two writes within one tick of the clock
        file.write_bytes(content)
        os.utime(file, ns=(now, now))
        seen.add(digests.of(file))
    assert len(seen) == 2


def test_a_damaged_memory_says_what_to_delete(tmp_path):
    (tmp_path / "memory").write_bytes(b"nothing that SQLite knows" * 100)
    with pytest.raises(PipelineError, match="delete it"):
        Digests(tmp_path / "memory").of(tmp_path)


def test_an_unreadable_file_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(PipelineError, match=r"gone cannot be read"):
        Digests(tmp_path / "memory").of(tmp_path / "folder")
