"""Several processes for one piece of work: what they are told, how they end, and that none is left."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from overfeat.errors import DatasetError
from overfeat.training.ranks import ALONE
from pipelines import launch
from pipelines.engine.errors import WorkerKilledError

WORKS = '''
import os, time
import torch
from overfeat.errors import DatasetError


def add(folder, report, ranks):
    """Add up over the ranks, and say what each knows."""
    with ranks.joined(torch.device("cpu")):
        (total,) = ranks.added_up([ranks.rank + 1], torch.device("cpu"))
        threads = torch.get_num_threads()
    (folder / f"{ranks.rank}").write_text(f"{total} {ranks.size} {threads}")
    report(f"rank {ranks.rank}")


def end(how, report, ranks):
    """The second rank ends by an error; the first waits for it, and fails because of that."""
    with ranks.joined(torch.device("cpu")):
        if ranks.rank == 1:
            raise DatasetError("there are no pictures") if how == "sentence" else KeyError("a bug")
        ranks.added_up([1.0], torch.device("cpu"))


def sleep(folder, report, ranks):
    """Say who is here, and do not end."""
    (folder / f"{ranks.rank}").write_text(str(os.getpid()))
    time.sleep(120)
'''


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a module of functions that a rank can import."""
    (tmp_path / "works_of_ranks.py").write_text(WORKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    import works_of_ranks  # type: ignore[import-not-found]

    yield works_of_ranks
    del sys.modules["works_of_ranks"]


@pytest.mark.slow
def test_ranks_know_each_other_and_report_here(works: Any, tmp_path: Path) -> None:
    lines: list[str] = []
    launch.run(2, works.add, {"folder": tmp_path}, lines.append)
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["3.0 2 1"] * 2
    assert sorted(lines) == ["rank 0", "rank 1"]
    assert "RANK" not in os.environ


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("sentence", DatasetError, "^there are no pictures$"),
        ("bug", RuntimeError, r"(?s)^rank 1 failed:\nTraceback .*KeyError: 'a bug'"),
    ],
)
def test_the_end_of_one_is_the_end_of_all_and_its_reason_is_told(
    works: Any, how: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    start = launch._start
    monkeypatch.setattr(launch, "_start", lambda *facts: started.append(start(*facts)) or started[-1])
    with pytest.raises(error, match=message):
        launch.run(2, works.end, {"how": how}, print)
    assert [rank.process.poll() is not None for rank in started] == [True, True]


@pytest.mark.slow
def test_a_killed_parent_leaves_no_rank(works: Any, tmp_path: Path) -> None:
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(tmp_path)!r}); import works_of_ranks as works\n"
        f"from pipelines import launch; launch.run(2, works.sleep, {{'folder': Path({str(tmp_path)!r})}}, print)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    files = [tmp_path / str(rank) for rank in range(2)]
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as parent:
        until = time.monotonic() + 60
        while not all(file.exists() and file.read_text() for file in files) and time.monotonic() < until:
            time.sleep(0.1)
        parent.send_signal(signal.SIGKILL)
    ranks = [int(file.read_text()) for file in files]
    until = time.monotonic() + 20
    while any(map(alive, ranks)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(alive, ranks))


def alive(process: int) -> bool:
    """Say whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("end", "error", "message"),
    [
        ("exit 3", RuntimeError, "^rank 1 of 2 ended with exit code 3 and said no reason$"),
        ("kill -KILL $$", WorkerKilledError, "rank 1 of the 2 .* was killed by SIGKILL; .* last whole epoch is kept"),
    ],
)
def test_who_ends_without_a_word_is_told_apart(
    end: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(number: int, *_: int) -> Any:
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            shell = ["sh", "-c", end if number else "sleep 60"]
            return launch._Rank(number, subprocess.Popen(shell, pass_fds=[theirs.fileno()]), ours)

    monkeypatch.setattr(launch, "_start", silent)
    monkeypatch.setattr(launch, "_LAST_WORDS_SECONDS", 0.1)
    with pytest.raises(error, match=message):
        launch.run(2, print, {}, print)


def test_what_a_person_can_mend_comes_before_a_death_and_a_death_before_what_follows_from_it() -> None:
    failures = [RuntimeError("connection closed"), WorkerKilledError("killed"), DatasetError("no pictures")]
    for error in (DatasetError, WorkerKilledError, RuntimeError):
        with pytest.raises(error):
            launch._raise_worst(failures)
        failures.pop()
    launch._raise_worst(failures)


def test_one_process_is_this_one(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}
    launch.run(1, lambda **given: seen.update(given), {"folder": tmp_path}, print)
    assert seen == {"folder": tmp_path, "report": print, "ranks": ALONE}
