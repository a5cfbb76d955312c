"""For all tests."""

import itertools
import socket
import urllib.request

import pytest
from hypothesis import settings

# No deadlines: machines are busy at times, and an example may take a second.
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=100)  # `make test`
settings.load_profile("quick")

_NUMBERS = itertools.count()


def pytest_collection_modifyitems(items):
    """Begin with the longest file, then the slow tests, so that no process is left alone with them at the end."""
    items.sort(key=lambda item: (item.path.name != "test_whole.py", item.get_closest_marker("slow") is None))


@pytest.fixture(scope="session")
def s3_url():
    """Return the address of an S3 server on loopback that lives as long as the test run."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(s3_url, monkeypatch):
    """Return the name of a new bucket, with the environment set to reach it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    name = f"bucket-{next(_NUMBERS)}"
    urllib.request.urlopen(urllib.request.Request(f"{s3_url}/{name}", method="PUT")).close()
    return name


@pytest.fixture
def s3_keys(s3_url):
    """Return a function that makes the server take every key for genuine, or none."""

    def accept(keys):
        url, count = f"{s3_url}/moto-api/reset-auth", b"inf" if keys else b"0"
        headers = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(url, count, headers, method="POST")).close()

    yield accept
    accept(True)


@pytest.fixture
def s3_down(monkeypatch):
    """Return a function that points the environment at an address where nothing listens."""

    def point():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # of the client that DVC uses

    return point
