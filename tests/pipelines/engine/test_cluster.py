"""Units on a Dask cluster: a real scheduler and two workers on loopback, killed, deceived and left alone."""

import os
import re
import runpy
import shutil
import signal
from pathlib import Path

import pytest

from pipelines.engine import cluster as clusters
from pipelines.engine.cluster_worker import Child, Job
from pipelines.engine.errors import ClusterError, PipelineError
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Unit

pytestmark = pytest.mark.slow  # scheduler and workers take some 4 s to start

ToyProject, environment = (
    runpy.run_path(str(Path(__file__).parent / "toy_project.py"))[name] for name in ("ToyProject", "environment")
)
Cluster = runpy.run_path(str(Path(__file__).parent / "dask_cluster.py"))["Cluster"]
CLEAN = {f"data/square/u{number:02d}.txt": f"{float((3 + number) ** 2)}\n" for number in range(4)}
PLAN = Plan("square", "key", {}, {}, 2, 1, (Unit("u00"),))
OPEN = """
import json, sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from pipelines.engine.plan import make_plan
from pipelines.engine.runner import open_pool
from pipelines.engine.workspace import Workspace
root = Path.cwd()
plan = make_plan(root, "square")
Workspace(root, "square", plan.key).start(plan)
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


@pytest.fixture
def cluster(shared):
    """Return the cluster with two living workers."""
    shared.workers = {pid: process for pid, process in shared.workers.items() if process.poll() is None}
    while len(shared.workers) < 2:
        shared.start_worker()
    return shared


def run(toy, cluster, check=0, **env):
    return toy.stage("square", check=check, OVERFEAT_SCHEDULER=cluster.address, **env)


def at_work(toy):
    """Return the Dask workers whose processes are in the project, and what each process said it was given."""
    children = {pid: words.split() for pid, words in toy.processes().items() if "cluster_child" in words}
    return {pid: int(words[-1]) for pid, words in children.items()}


def test_the_graph_on_a_cluster_gives_what_it_gives_here(toy, cluster, toy_template, tmp_path):
    toy.repro(OVERFEAT_SCHEDULER=cluster.address)
    assert {re.search(r"omp=(\d+)", line)[1] for line in toy.log().splitlines() if "omp" in line} == {"3"}
    shutil.copytree(toy_template, tmp_path / "here", symlinks=True)
    here = ToyProject(tmp_path / "here")
    here.stage("square")
    here.stage("total")
    assert toy.outs() == here.outs()
    assert sorted(toy.worked()) == sorted(here.worked()) == ["total", "u00", "u01", "u02", "u03"]
    assert toy.is_clean()


def test_units_of_a_killed_dask_worker_are_worked_again_and_no_others(toy, cluster):
    toy.set("count: 4", "count: 5")
    toy.control("sleep", 2)
    started = toy.start("python", "-m", "pipelines", "square", OVERFEAT_SCHEDULER=cluster.address)
    toy.wait(lambda: toy.done() >= 1 and len(toy.worked()) >= 3)
    unit, child = re.match(r"(\S+) .* pid=(\d+)", toy.log().splitlines()[-1]).groups()
    os.kill(at_work(toy)[int(child)], signal.SIGKILL)
    toy.wait(lambda: int(child) not in toy.processes(), seconds=3)
    assert unit not in [path.name for path in toy.root.glob(".work/square/*/done/*")]
    assert started.wait(60) == 0
    assert toy.outs() == CLEAN | {"data/square/u04.txt": "49.0\n"}
    assert sorted(toy.worked()) == sorted([*(f"u{number:02d}" for number in range(5)), unit])


def test_living_workers_work_with_edited_code(toy, cluster):
    run(toy, cluster)
    code = toy.root / "toystages/square.py"
    code.write_text(code.read_text().replace("** 2", "** 3"))
    run(toy, cluster)
    assert toy.outs() == {path: f"{float((3 + number) ** 3)}\n" for number, path in enumerate(CLEAN)}
    assert all(process.poll() is None for process in cluster.workers.values())


@pytest.mark.parametrize("in_graph", [True, False])
def test_a_machine_with_another_checkout_works_nothing(toy, cluster, in_graph):
    edit = """
code = root / "toystages/square.py"
code.write_text(code.read_text() + "# another checkout")
"""
    if not in_graph:  # a flow's own plan: what it depends on is its own affair
        edit += 'graph = root / "dvc.yaml"; graph.write_text(graph.read_text().replace("  square:", "  other:"))\n'
    work = "with open_pool(root, plan, sys.argv[1]) as pool: pool.work(plan.units[0])\n"
    done = toy.run("python", "-c", OPEN + edit + work, cluster.address, check=1 if in_graph else 0)
    assert ("dep toystages/square.py on machine" in done.stderr) is in_graph
    assert toy.worked() == ([] if in_graph else ["u00"])


@pytest.mark.parametrize("gone", ["plan.json", "root"])
def test_a_machine_that_does_not_share_the_folder_is_named(toy, cluster, gone):
    lose = {
        "plan.json": 'next((root / ".work/square").glob("*/plan.json")).unlink()\n',
        "root": 'root = root / "elsewhere"\n',
    }[gone]
    work = "with open_pool(root, plan, sys.argv[1]) as pool: pool.work(plan.units[0])\n"
    done = toy.run("python", "-c", OPEN + lose + work, cluster.address, check=1)
    assert re.search(
        rf"PipelineError: machine \S+ does not see \S+{'plan.json' if gone != 'root' else 'elsewhere'}:", done.stderr
    )
    assert not toy.worked()


def test_many_threads_wait_for_one_cluster(toy, cluster):
    toy.set("count: 4", "count: 60")
    work = """
with open_pool(root, plan, sys.argv[1]) as pool, ThreadPoolExecutor(20) as threads:
    list(threads.map(pool.work, plan.units))
"""
    toy.run("python", "-c", OPEN + work, cluster.address)
    assert toy.done() == 60
    assert len(set(toy.worked())) == len(toy.worked()) == 60


def test_a_unit_that_takes_a_machine_has_a_dask_worker_to_itself(toy, cluster):
    toy.control("sleep", 1)
    started = toy.start("python", "-m", "pipelines", "square", OVERFEAT_SCHEDULER=cluster.address, TOY_WORKERS=1)
    toy.wait(lambda: len(toy.worked()) == 2)
    assert sorted(at_work(toy).values()) == sorted(cluster.workers)
    assert started.wait(30) == 0
    assert toy.outs() == CLEAN


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_unit_at_work(toy, cluster, end):
    toy.control("sleep", 30)
    started = toy.start("python", "-m", "pipelines", "square", OVERFEAT_SCHEDULER=cluster.address)
    toy.wait(lambda: len(toy.worked()) == 2)
    os.killpg(started.pid, end)
    assert started.wait(10) == (130 if end == signal.SIGINT else -end)
    toy.wait(lambda: not toy.processes(), seconds=5)
    toy.release("sleep")
    run(toy, cluster)
    assert toy.outs() == CLEAN


@pytest.mark.parametrize(("kills", "check"), [(2, 0), (9, 1)])
def test_a_killed_process_is_replaced_and_takes_no_dask_worker_with_it(toy, cluster, kills, check):
    toy.control("kill-u01", kills)
    done = run(toy, cluster, check)
    assert toy.worked().count("u01") == 3
    assert (toy.outs() == CLEAN) is (check == 0)
    assert ("unit u01 on" in done.stderr) is (check == 1)
    assert "Traceback" not in done.stderr
    assert all(process.poll() is None for process in cluster.workers.values())


def test_what_a_unit_raises_arrives_as_it_was(toy, cluster):
    toy.control("fail-u01")
    done = run(toy, cluster, check=2)
    assert done.stderr.splitlines()[-1] == "overfeat: square: picture u01.jpg is broken; mend it"
    assert "Traceback" not in done.stderr
    toy.release("fail-u01")
    toy.control("bug-u01")
    done = run(toy, cluster, check=1)
    assert "ZeroDivisionError: a bug" in done.stderr
    assert "toystages/square.py" in done.stderr  # where it was raised, on the other machine


def test_a_process_that_ended_while_it_idled_is_replaced(toy, cluster):
    run(toy, cluster)
    for child in at_work(toy):
        os.kill(child, signal.SIGKILL)
    shutil.rmtree(next((toy.root / ".work/square").glob("*/done")))
    run(toy, cluster)
    assert toy.outs() == CLEAN
    assert sorted(toy.worked()) == sorted(["u00", "u01", "u02", "u03"] * 2)


def test_a_process_that_ends_as_it_is_given_a_unit_says_so(toy):
    child = Child(Job(str(toy.root), "square", "key", "toystages", 1))
    (pid,) = toy.processes()
    os.kill(pid, signal.SIGKILL)
    toy.wait(lambda: child.ended)
    assert child.work({"name": "u00"}, lambda: True) is None
    assert child.end() == -signal.SIGKILL


def test_a_worker_without_the_project_is_a_sentence_and_lives(toy, tmp_path):
    (tmp_path / "none").mkdir()
    (tmp_path / "none/pipelines.py").write_text("raise ModuleNotFoundError('none', name='pipelines')")
    own = Cluster(tmp_path)
    try:
        worker = own.start_worker(PYTHONPATH=tmp_path / "none")
        done = run(toy, own, check=2)
        assert "the Dask workers do not find the package 'pipelines': start them in the project" in done.stderr
        assert worker.poll() is None
    finally:
        own.close()


def test_a_cluster_that_goes_is_a_sentence_in_bounded_time(toy, tmp_path):
    own = Cluster(tmp_path)
    try:
        with pytest.raises(ClusterError, match="has had no worker for 1 s"):
            clusters.ClusterPool(toy.root, PLAN, own.address, patience=1)
        own.start_worker()
        toy.control("sleep", 30)
        started = toy.start("python", "-m", "pipelines", "square", OVERFEAT_SCHEDULER=own.address)
        toy.wait(toy.worked)
        own.scheduler.kill()
        assert started.wait(20) == 1
        assert toy.said().splitlines()[-1].startswith(f"overfeat: square: the Dask scheduler {own.address} was lost")
        assert "Traceback" not in toy.said()
        toy.wait(lambda: not toy.processes(), seconds=5)
    finally:
        own.close()


def test_a_scheduler_that_is_not_there_is_a_sentence(toy, monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT_SECONDS", 1.0)
    with pytest.raises(ClusterError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 \(1 s\)"):
        clusters.ClusterPool(toy.root, PLAN, "tcp://127.0.0.1:9")
    with pytest.raises(PipelineError, match="'localhost' is no address of a Dask scheduler"):
        clusters.ClusterPool(toy.root, PLAN, "localhost")


def test_without_the_package_the_extra_is_named(toy):
    (toy.root / "distributed.py").write_text("raise ModuleNotFoundError('none', name='distributed')")
    done = toy.stage("square", check=2, OVERFEAT_SCHEDULER="tcp://127.0.0.1:9")
    assert "'distributed' is not installed: install the project with its extra `cluster`" in done.stderr
