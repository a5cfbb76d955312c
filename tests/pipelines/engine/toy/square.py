"""A toy stage of several units that sleeps, fails and is killed on demand (files in ``control/``)."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from toystages import SquareSettings

from overfeat.errors import DatasetError
from pipelines.engine.shares import report_share
from pipelines.engine.stage import Stage, Unit, gather

OMP_AT_IMPORT = os.environ.get("OMP_NUM_THREADS", "none")
CONTROL = Path("control")


@dataclass(frozen=True)
class Square(Stage):
    square: SquareSettings

    resumable: ClassVar[bool] = os.environ.get("TOY_RESUMABLE") == "1"

    @property
    def workers(self):
        return int(os.environ.get("TOY_WORKERS", "2"))

    @property
    def threads(self):
        return 3

    @property
    def gpu(self):
        return os.environ.get("TOY_GPU") == "1"

    def plan(self):
        return [Unit(f"u{number:02d}", {"number": number}) for number in range(self.square.count)]

    def work(self, unit, folder):
        begun = (folder / "begun").exists()
        (folder / "begun").write_text("")
        line = f"{unit.name} omp={OMP_AT_IMPORT} resumed={begun} pid={os.getpid()} cwd={Path.cwd().name}\n"
        with Path("work.log").open("a") as log:
            log.write(line)
        began, steps = time.time(), int((CONTROL / "steps").read_text()) if (CONTROL / "steps").exists() else 1
        for step in range(steps):
            time.sleep(float((CONTROL / "sleep").read_text()) if (CONTROL / "sleep").exists() else 0)
            if steps > 1:
                report_share((step + 1) / steps)
        if (CONTROL / f"fail-{unit.name}").exists():
            raise DatasetError(f"picture {unit.name}.jpg is broken; mend it")
        if (CONTROL / f"bug-{unit.name}").exists():
            raise ZeroDivisionError("a bug")
        kill = CONTROL / f"kill-{unit.name}"
        if kill.exists():
            kills = int(kill.read_text() or "1")
            kill.write_text(str(kills - 1)) if kills > 1 else kill.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.gpu:
            with (CONTROL / "spans").open("a") as spans:
                spans.write(f"{began} {time.time()}\n")
        base = int(Path("in/base.txt").read_text())
        (folder / "begun").unlink()
        (folder / f"{unit.name}.txt").write_text(f"{self.square.factor * (base + unit.payload['number']) ** 2}\n")

    def finish(self, parts, out):
        if (CONTROL / "slow-finish").exists():
            Path("finishing").write_text("")
            time.sleep(60)
        gather(parts, out / "data/square")
        if (CONTROL / "stray").exists():
            (out / "data/stray.txt").write_text("")


STAGE = Square
