"""Schedules on the toy project, with a server and a worker as a person starts them, killed and restarted."""

import contextlib
import datetime
import itertools
import json
import os
import runpy
import shutil
import signal
import socket
import sqlite3
import sys
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
]  # a busy machine takes a minute for what a quiet one does in 12 s

TOY_PROJECT = runpy.run_path(str(Path(__file__).parents[1] / "pipelines/engine/toy_project.py"))
REPOSITORY = TOY_PROJECT["REPOSITORY"]
UNITS = 4
OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def results(base):
    """Return what the toy stages make of ``base`` when nobody disturbs them."""
    squares = [float((base + number) ** 2) for number in range(UNITS)]
    units = {f"data/square/u{number:02d}.txt": f"{square}\n" for number, square in enumerate(squares)}
    top = "".join(f"{square}\n" for square in sorted(squares, reverse=True)[:2])
    return units | {"data/plots/top.csv": top, "metrics.json": json.dumps({"all": {"sum": sum(squares)}})}


class Site(TOY_PROJECT["ToyProject"]):
    """The toy project with a server, a pool, its deployments and a worker."""

    def __init__(self, root, home):
        super().__init__(root)
        self.url = f"http://127.0.0.1:{free_port()}/api"
        self.env = {
            "PREFECT_HOME": home,
            "PREFECT_API_URL": self.url,
            "PREFECT_WORKER_QUERY_SECONDS": 2,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": 1,
        }
        self.server = self.worker = None

    def start_server(self):
        port = self.url.split(":")[2].split("/")[0]
        words = ["--host", "127.0.0.1", "--port", port, "--no-ui"]
        self.server = self.start("prefect", "--no-prompt", "server", "start", *words, **self.env)
        self.wait(self.is_up, 200)

    def start_worker(self):
        self.worker = self.start("prefect", "worker", "start", "--pool", "overfeat", "--limit", "1", **self.env)

    def is_up(self):
        with contextlib.suppress(Exception):
            return self.api("health") is True
        return False

    def api(self, path, body=None, method=None):
        import httpx

        method = method or ("GET" if body is None else "POST")
        for _ in range(5):
            reply = httpx.request(method, f"{self.url}/{path}", json=body, timeout=30)
            if reply.status_code != 503:  # the database is locked for a moment
                break
            time.sleep(1)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    def prefect(self, *words):
        return self.run("prefect", *words, **self.env).stdout

    def deployment(self, name):
        return self.api(f"deployments/name/{name}")

    def new_run(self):
        weekly = self.deployment("reproduce/weekly")["id"]
        return self.api(f"deployments/{weekly}/create_flow_run", {})["id"]

    def runs(self):
        """Return the runs of deployments, the earliest first."""
        body = {"sort": "EXPECTED_START_TIME_ASC", "flow_runs": {"deployment_id": {"is_null_": False}}}
        return self.api("flow_runs/filter", body)

    def is_idle(self):
        """Delete what waits, and return whether nothing runs either."""
        for run in self.runs():
            if run["state_type"] == "SCHEDULED":
                self.api(f"flow_runs/{run['id']}", method="DELETE")
        return all(run["state_type"] in OVER for run in self.runs())

    def end_of(self, run, seconds=300):
        """Wait until a run is over, also while no server answers, and return its state."""
        found = []

        def is_over():
            with contextlib.suppress(Exception):
                found.append(self.api(f"flow_runs/{run}")["state_type"])
            return found and found[-1] in OVER

        self.wait(is_over, seconds)
        return found[-1]

    def begin(self, base, sleep):
        """Change the input, and start a run; return it when some units are done and others are in hand."""
        (self.root / "in/base.txt").write_text(f"{base}\n")
        (self.root / "work.log").unlink(missing_ok=True)
        self.control("sleep", sleep)
        run = self.new_run()
        self.wait(lambda: len(self.worked()) > 2, 200)
        return run

    def flow_process(self):
        (found,) = [pid for pid, said in self.processes().items() if "prefect.engine" in said or "_workspace" in said]
        return found


@pytest.fixture(scope="module")
def site(toy_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(toy_template, folder / "toy", symlinks=True)
    shutil.copy(REPOSITORY / "prefect.yaml", folder / "toy/prefect.yaml")
    site = Site(folder / "toy", folder / "home")
    try:
        site.start_server()
        site.prefect("work-pool", "create", "--type", "process", "overfeat")
        site.prefect("--no-prompt", "deploy", "--all")
        site.start_worker()
        yield site
    finally:
        site.close()


def test_the_file_makes_both_deployments_for_its_own_folder(site):
    for name, cron, parameters in (
        ("detect_batch/nightly", "0 2 * * *", {"pictures": "data/inbox"}),
        ("reproduce/weekly", "0 4 * * 6", {}),
    ):
        made = site.deployment(name)
        (schedule,) = made["schedules"]
        (pull,) = made["pull_steps"]
        assert schedule["schedule"]["cron"] == cron
        assert schedule["active"]
        assert made["parameters"] == parameters
        assert made["work_pool_name"] == "overfeat"
        assert pull == {"prefect.deployments.steps.set_working_directory": {"directory": str(site.root.resolve())}}
        site.api(f"deployments/{made['id']}/schedules/{schedule['id']}", method="DELETE")  # not in the midst of a test


def test_runs_come_by_themselves_one_after_the_other(site):
    weekly = site.deployment("reproduce/weekly")["id"]
    site.control("sleep", 6)  # so the first run, with units, takes longer than until the next one's time
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    # The server looks for new schedules every 60 s at the latest.
    often = f"DTSTART:{soon:%Y%m%dT%H%M%SZ}\nRRULE:FREQ=SECONDLY;INTERVAL=5;COUNT=120"
    asked = [{"active": True, "schedule": {"rrule": often, "timezone": "UTC"}}]
    (schedule,) = site.api(f"deployments/{weekly}/schedules", asked)
    site.wait(lambda: sum(run["state_type"] == "COMPLETED" for run in site.runs()) >= 2, 300)
    site.api(f"deployments/{weekly}/schedules/{schedule['id']}", method="DELETE")
    site.wait(site.is_idle, 200)
    runs = sorted(site.runs(), key=lambda run: run["start_time"])
    assert {run["state_type"] for run in runs} == {"COMPLETED"}
    assert all(run["auto_scheduled"] for run in runs)
    assert all(before["end_time"] <= after["start_time"] for before, after in itertools.pairwise(runs))
    assert runs[1]["expected_start_time"] < runs[0]["end_time"]  # its time came meanwhile, and it was not lost
    assert site.outs() == results(3)
    assert sorted(site.worked()) == ["total", "u00", "u01", "u02", "u03"]
    table = json.loads(site.api("artifacts/metrics/latest")["data"])
    assert {row["metric"]: row["value"] for row in table} == {
        "all.sum": json.loads(site.outs()["metrics.json"])["all"]["sum"]
    }


def test_the_server_is_killed_and_comes_back_in_mid_run(site):
    run = site.begin(base=5, sleep=2)
    os.kill(site.server.pid, signal.SIGKILL)
    site.server.wait()
    site.start_server()
    assert site.end_of(run) == "COMPLETED"
    assert site.outs() == results(5)
    assert site.is_clean()


def test_a_killed_flow_is_crashed_and_the_next_run_goes_on(site):
    run = site.begin(base=7, sleep=4)
    finished = {path.name for path in (site.root / ".work/square").glob("*/done/*")}
    os.kill(site.flow_process(), signal.SIGKILL)
    assert site.end_of(run) == "CRASHED"
    site.control("sleep", 0)
    assert site.end_of(site.new_run()) == "COMPLETED"
    assert site.outs() == results(7)
    assert finished
    assert all(site.worked().count(unit) == 1 for unit in finished)


def test_a_worker_that_is_ended_in_mid_run_blocks_no_later_run(site):
    site.begin(base=9, sleep=4)
    os.killpg(site.worker.pid, signal.SIGINT)  # as Ctrl-C does
    assert site.worker.wait(60) == 0
    site.start_worker()
    site.control("sleep", 0)
    assert site.end_of(site.new_run()) == "COMPLETED"
    assert site.outs() == results(9)


def test_serve_flows_starts_what_it_needs_and_leaves_nothing(toy, tmp_path):
    port = free_port()
    toy.control("sleep", 1)
    words = ["serve-flows", "--port", port, "--reproduce", "* * * * * */5", "--detect-batch", "never"]
    served = toy.start(sys.executable, "-m", "overfeat.cli", *map(str, words), PREFECT_HOME=tmp_path / "home")
    toy.wait(toy.worked, 300)
    toy.control("sleep", 100)  # what has begun is soon done, and the next units stay in hand
    toy.wait(lambda: toy.done() >= 1 and len(toy.worked()) > toy.done())
    server = f"http://127.0.0.1:{port}"
    assert f"the server is at {server} and ends with this command" in toy.said()
    with urllib.request.urlopen(f"{server}/ui-settings") as settings:
        assert json.load(settings)["api_url"] == f"{server}/api"  # where its pages ask
    again = toy.run(sys.executable, "-m", "flows.serve", "--port", str(port), check=2, PREFECT_HOME=tmp_path / "home")
    assert again.stderr.startswith("overfeat: serve-flows: the flows of ")
    finished = {path.name for path in (toy.root / ".work/square").glob("*/done/*")}
    os.killpg(served.pid, signal.SIGINT)  # as Ctrl-C does
    assert served.wait(60) == 0
    toy.wait(lambda: not toy.processes(), 30)
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0
    with sqlite3.connect(tmp_path / "home/prefect.db") as history:
        runs = history.execute("SELECT deployment_id IS NOT NULL, state_type FROM flow_run").fetchall()
        assert (1, "CANCELLED") in runs
        waiting = "SELECT * FROM flow_run WHERE state_type = 'SCHEDULED' AND expected_start_time > datetime('now')"
        assert {state for _, state in runs} <= OVER | {"SCHEDULED"}  # neither it nor the run of a stage stays "Running"
        assert not history.execute(waiting).fetchall()  # nothing piles up while nobody serves
        assert {paused for (paused,) in history.execute("SELECT paused FROM deployment")} == {1}
    toy.release("sleep")
    toy.repro()
    assert toy.outs() == results(3)
    assert finished
    assert all(toy.worked().count(unit) == 1 for unit in finished)
