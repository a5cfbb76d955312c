"""Places: local ones as pathlib has them, buckets the same, and faults told apart."""

import http.server
import os
import pickle
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.errors import OverFeatError, PlaceError, PlaceMissingError, UnreachableError
from overfeat.places import Place

NAMES = ["a.jpg", "b.JPG", "[x].jpg", "deep/a.jpg", "deep/er/b.jpg", "deep-/c.jpg", "deep/t.parquet", ".hid/h.jpg"]
PATTERNS = [
    "*.jpg",
    "**/*.jpg",
    "deep/*.jpg",
    "*/*.jpg",
    "**/er/*",
    "deep/**/*.jpg",
    "?.jpg",
    "[ab].*",
    "**/deep/**/b.*",
    "*/run.json",
]


def make(root: Path) -> None:
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def listed(root: Place, pattern: str = "**") -> list[str]:
    return [str(file.place).removeprefix(f"{root}/") for file in root.files(pattern)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_finds_what_pathlib_finds_in_the_order_of_paths(tmp_path: Path, pattern: str) -> None:
    make(tmp_path)
    expected = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob(pattern) if path.is_file())
    assert listed(Place.of(tmp_path), pattern) == expected
    if expected:
        assert [str(file.place) for file in Place.match(f"{tmp_path}/{pattern}")] == [
            f"{tmp_path}/{e}" for e in expected
        ]


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["a", "b", "a.x", "a-", "[a]", "*"]), min_size=1, max_size=3), st.data())
def test_globs_agree_with_pathlib(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("glob")
    for number in range(4):
        folder = root.joinpath(*data.draw(st.lists(st.sampled_from(["a", "b", "a-"]), max_size=3)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{data.draw(st.sampled_from(['a', 'b']))}.x{number}").touch()
    pattern = "/".join(data.draw(st.permutations([*parts, "**"]))) + "/*"
    expected = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern) if path.is_file())
    assert listed(Place.of(root), pattern) == expected


def test_all_files_with_size_and_time(tmp_path: Path) -> None:
    make(tmp_path)
    root = Place.of(tmp_path)
    assert listed(root) == sorted(NAMES)
    file = next(iter(Place.match(tmp_path / "deep" / "a.jpg")))
    assert file == (root / "deep/a.jpg", 10, (tmp_path / "deep/a.jpg").stat().st_mtime_ns)
    assert [str(f.place) for f in Place.match(tmp_path / "[x].jpg")] == [
        f"{tmp_path}/[x].jpg"
    ]  # it is there: no pattern


def test_links_are_followed_but_not_in_circles_and_a_link_to_nothing_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").touch()
    (tmp_path / "data" / "up").symlink_to("..")
    (tmp_path / "data" / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "link").symlink_to("data")
    assert listed(Place.of(tmp_path)) == ["data/a.jpg", "data/gone.jpg", "link/a.jpg", "link/gone.jpg"]
    with pytest.raises(PlaceMissingError, match=r"gone\.jpg is not there"):
        (Place.of(tmp_path) / "data/gone.jpg").read_bytes()


def test_a_place_is_a_value() -> None:
    place = Place.of("s3://bucket/folder//")
    assert str(place) == "s3://bucket/folder"
    assert str(place / "a b#?.jpg") == "s3://bucket/folder/a b#?.jpg"
    assert (place.name, Place.of("s3://bucket/").name, Place.of("x/y").name) == ("folder", "bucket", "y")
    assert not place.is_local
    assert Place.of("x//y/") == Place.of(Path("x/y"))
    assert Place.of("x").path == Path("x")
    assert len({place, Place.of(place), pickle.loads(pickle.dumps(place))}) == 1
    with pytest.raises(PlaceError, match="needs a local path"):
        _ = place.path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (Path("s3://bucket/results"), "s3:/bucket/results has lost a slash: give it as the text"),
        ("", "a path is empty"),
        ("s3://", "must go on with the name of a bucket"),
        ("gs://bucket/x", "gs: is no place that can be read"),
    ],
)
def test_what_is_no_place(text: str | Path, sentence: str) -> None:
    with pytest.raises(PlaceError, match=sentence):
        Place.of(text)


def test_secrets_in_an_address_are_not_repeated() -> None:
    with pytest.raises(PlaceError) as raised:
        Place.of("s3://key:hidden@bucket/x")
    assert "hidden" not in str(raised.value)


def test_a_failed_local_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place.of(tmp_path / "new" / "file")
    place.write_bytes(b"old")

    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        place.write_bytes(b"new")
    assert place.read_bytes() == b"old"
    assert len(list((tmp_path / "new").iterdir())) == 1
    assert stat.S_ISREG(os.stat(place.path).st_mode)


def test_sentences_of_local_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    with pytest.raises(PlaceMissingError, match=r"no/such is not there: mend the path"):
        list(Place.match(tmp_path / "no/such"))
    with pytest.raises(PlaceMissingError, match=r"no file matches .*\*\.png"):
        list(Place.match(tmp_path / "*.png"))
    with pytest.raises(PlaceError, match="is a file, and a folder is needed"):
        list(Place.of(tmp_path / "a.jpg").files())
    with pytest.raises(PlaceError, match="a folder where a file is"):
        Place.of(tmp_path).read_bytes()

    def refuse(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PlaceError, match="may not be read or written"):
        listed(Place.of(tmp_path))


@pytest.mark.slow  # the server takes a second to start
def test_a_bucket_is_listed_read_and_written_as_a_folder_is(bucket: str, tmp_path: Path) -> None:
    make(tmp_path)
    local, remote = Place.of(tmp_path), Place.of(f"s3://{bucket}/in")
    assert not remote.exists()
    for name in NAMES:
        (remote / name).write_bytes(name.encode())
    assert remote.exists()
    assert (remote / "deep").exists()
    for pattern in ["**", *PATTERNS]:
        assert listed(remote, pattern) == listed(local, pattern), pattern
    assert [f.place for f in Place.match(f"s3://{bucket}/in/d*/*.jpg")] == [
        remote / "deep-/c.jpg",
        remote / "deep/a.jpg",
    ]
    assert [f.size for f in Place.match(f"s3://{bucket}/in/[x].jpg")] == [7]
    assert pickle.loads(pickle.dumps(remote / "deep/er/b.jpg")).read_bytes() == b"deep/er/b.jpg"
    large = bytes(range(256)) * 50_000  # in several parts
    (remote / "a.jpg").write_bytes(large)
    assert (remote / "a.jpg").read_bytes() == large


@pytest.mark.slow
def test_sentences_of_buckets(bucket: str, s3_keys, s3_down) -> None:  # type: ignore[no-untyped-def]
    place = Place.of(f"s3://{bucket}/file")
    with pytest.raises(PlaceMissingError, match="is not there: mend the path"):
        place.read_bytes()
    nowhere = Place.of("s3://no-such-bucket/x")
    for call in (nowhere.read_bytes, nowhere.exists, lambda: listed(nowhere), lambda: nowhere.write_bytes(b"")):
        with pytest.raises(PlaceError, match="there is no bucket no-such-bucket at http"):
            call()
    place.write_bytes(b"x")
    s3_keys(False)
    for call in (place.read_bytes, place.exists, lambda: listed(place), lambda: place.write_bytes(b"")):
        with pytest.raises(PlaceError, match="may not be used with these credentials"):
            call()
    s3_keys(True)
    s3_down()
    with pytest.raises(UnreachableError, match=r"cannot be reached at http://127\.0\.0\.1:\d+ just now"):
        place.read_bytes()
    assert not issubclass(UnreachableError, OverFeatError)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[http.server.BaseHTTPRequestHandler]]:
    """A server that answers everything with one status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status = 200

        def do_HEAD(self) -> None:
            self.send_response(type(self).status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_HEAD  # noqa: N815

        def log_message(self, *_words: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield Handler
        server.shutdown()
        thread.join()


@pytest.mark.slow  # pyarrow tries three times
@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_is_busy_is_unreachable(answering, status: int) -> None:  # type: ignore[no-untyped-def]
    answering.status = status
    with pytest.raises(UnreachableError, match="just now"):
        Place.of("s3://bucket/x").read_bytes()


def test_a_service_that_refuses_is_for_a_person(answering) -> None:  # type: ignore[no-untyped-def]
    answering.status = 403
    with pytest.raises(PlaceError, match="somebody who may"):
        Place.of("s3://bucket/x").read_bytes()
    answering.status = 301
    with pytest.raises(PlaceError, match="another region: set AWS_DEFAULT_REGION"):
        Place.of("s3://bucket/x").read_bytes()
