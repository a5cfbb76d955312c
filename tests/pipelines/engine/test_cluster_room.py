"""Who has room for a unit, with a client that says what a scheduler would."""

import threading
import time

import pytest

from pipelines.engine import cluster_room
from pipelines.engine.cluster_room import Room
from pipelines.engine.errors import ClusterError


class Client:
    status = "running"

    def __init__(self, **threads):
        self.threads = threads

    def nthreads(self):
        if self.threads is None:
            raise OSError("the line is cut")
        return self.threads


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    monkeypatch.setattr(cluster_room, "LOOK_SECONDS", 0.02)


@pytest.mark.parametrize(("one_each", "given"), [(False, "aaaabb"), (True, "ab")])
def test_there_is_room_for_a_unit_a_thread_or_one_a_worker(one_each, given):
    room = Room(Client(a=4, b=2), "tcp://here:1", one_each, 1.0)
    assert sum(room.look().values()) == len(given)
    assert sorted(room.take() for _ in given) == list(given)


def test_who_finds_no_room_waits_for_a_unit_to_end_or_a_worker_to_come():
    client = Client(a=1)
    room, taken = Room(client, "tcp://here:1", False, 1.0), []
    room.take()
    waiting = [threading.Thread(target=lambda: taken.append(room.take())) for _ in range(2)]
    for thread in waiting:
        thread.start()
    time.sleep(0.1)
    assert taken == []
    client.threads = {"a": 1, "b": 1}
    time.sleep(0.1)
    assert taken == ["b"]
    room.give_back("a")
    for thread in waiting:
        thread.join(2)
    assert taken == ["b", "a"]


@pytest.mark.parametrize(("threads", "said"), [({}, "has had no worker for 0 s"), (None, "tcp://here:1 was lost")])
def test_a_cluster_that_is_gone_lets_nobody_wait(threads, said):
    client = Client(a=1)
    room = Room(client, "tcp://here:1", False, 0.1)
    room.take()
    client.threads = threads
    with pytest.raises(ClusterError, match=said):
        room.take()


def test_who_waits_when_the_run_is_ended_is_told_at_once(monkeypatch):
    monkeypatch.setattr(cluster_room, "LOOK_SECONDS", 60.0)
    room, told = Room(Client(a=1), "tcp://here:1", False, 1.0), []

    def take():
        with pytest.raises(ClusterError, match="the run was ended") as raised:
            room.take()
        told.append(raised)

    room.take()
    waiting = threading.Thread(target=take)
    waiting.start()
    time.sleep(0.05)
    room.close()
    waiting.join(2)
    assert told
