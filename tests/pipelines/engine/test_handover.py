"""A stage and who works its units: what each of them says, and what the other's silence means."""

import socket
import tempfile
import threading
from pathlib import Path

import pytest

from pipelines.engine.handover import hand_over, listening, say_worked, taken_over


class Stage(threading.Thread):
    """A stage that hands over."""

    worked: bool | None = None

    def __init__(self, address: str, name: str) -> None:
        super().__init__(daemon=True)
        self._address, self._stage = address, name
        self.start()

    def run(self) -> None:
        self.worked = hand_over(self._address, self._stage)


def test_a_stage_waits_until_its_units_are_worked() -> None:
    with listening() as listener:
        for name in ("square", "größe"):
            stage = Stage(listener.getsockname(), name)
            taken, caller = taken_over(listener)
            assert taken == name
            stage.join(0.2)
            assert stage.is_alive()
            say_worked(caller)
            stage.join(5)
            assert stage.worked is True


def test_a_stage_learns_that_nobody_works_its_units_any_more() -> None:
    with listening() as listener:
        address = listener.getsockname()
        stage = Stage(address, "square")
        _, caller = taken_over(listener)
        caller.close()
        stage.join(5)
        assert stage.worked is False
    assert not Path(address).exists()
    assert hand_over(address, "square") is False


def test_a_stage_that_is_gone_is_not_told() -> None:
    with listening() as listener:
        with socket.socket(socket.AF_UNIX) as stage:
            stage.connect(listener.getsockname())
            stage.sendall(b"square\n")
        _, caller = taken_over(listener)
        say_worked(caller)


def test_a_long_temporary_folder_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with listening() as listener:
        assert Path(listener.getsockname()).stat().st_mode
        assert (Path(listener.getsockname()).parent.stat().st_mode & 0o777) == 0o700
