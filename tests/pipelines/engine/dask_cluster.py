"""A Dask scheduler and workers on loopback, started by their commands. Test files load this file by its path."""

import json
import runpy
import subprocess
import time
from pathlib import Path

environment = runpy.run_path(str(Path(__file__).parent / "toy_project.py"))["environment"]


class Cluster:
    """A scheduler and its workers, which stand elsewhere than any project."""

    def __init__(self, folder):
        self.folder, self.workers = folder, {}
        file = folder / "scheduler.json"
        self.scheduler = self._start("dask", "scheduler", "--port", "0", "--scheduler-file", str(file))
        end = time.monotonic() + 30
        while not file.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def _start(self, *words, **env):
        words = [*words, "--host", "127.0.0.1", "--no-dashboard"]
        with (self.folder / "said.txt").open("a") as said:
            return subprocess.Popen(words, cwd=self.folder, env=environment(**env), stdout=said, stderr=said)

    def start_worker(self, **env):
        options = ["--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder)]
        process = self._start("dask", "worker", self.address, *options, **env)
        self.workers[process.pid] = process
        return process

    def close(self):
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait()
