"""``python -m pipelines STAGE`` on the toy project, without DVC: work, kill, go on, seal."""

import json
import os
import signal

import pytest

CLEAN = {f"data/square/u{number:02d}.txt": f"{float((3 + number) ** 2)}\n" for number in range(4)}


@pytest.fixture(autouse=True)
def without_metrics(toy):
    (toy.root / "metrics.json").write_text("{}")


def squares(toy):
    return {path: text for path, text in toy.outs().items() if path.startswith("data/")}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stage_works_its_units_and_seals_them(toy, workers):
    done = toy.stage("square", TOY_WORKERS=workers)
    assert squares(toy) == CLEAN
    assert sorted(toy.worked()) == ["u00", "u01", "u02", "u03"]
    assert "4 of 4 units to work" in done.stderr
    toy.stage("square", TOY_WORKERS=workers)
    assert len(toy.worked()) == 4
    assert squares(toy) == CLEAN


def test_workers_find_their_threads_set_and_stand_in_the_root(toy):
    toy.stage("square", OMP_NUM_THREADS=7)
    for line in toy.log().splitlines():
        assert "omp=3 " in line
        assert "cwd=toy" in line
    assert len({line.split("pid=")[1] for line in toy.log().splitlines()}) <= 2


def test_fewer_units_leave_no_stale_file(toy):
    toy.stage("square", TOY_WORKERS=1)
    toy.set("count: 4", "count: 2")
    toy.stage("square", TOY_WORKERS=1)
    assert sorted(squares(toy)) == ["data/square/u00.txt", "data/square/u01.txt"]
    assert len([path for path in (toy.root / ".work/square").iterdir() if path.is_dir()]) == 1


def test_seal_only_names_what_is_missing_and_works_nothing(toy):
    toy.stage("square", check=75, OVERFEAT_SEAL_ONLY=1)
    missing = json.loads((toy.root / ".work/square/missing.json").read_text())
    assert missing["stage"] == "square"
    assert [unit["name"] for unit in missing["units"]] == ["u00", "u01", "u02", "u03"]
    assert missing["params"] == {"square": {"count": 4, "factor": 1.0}}
    assert (missing["workers"], missing["threads"]) == (2, 3)
    assert not toy.worked()
    toy.stage("square", TOY_WORKERS=1)
    assert not (toy.root / ".work/square/missing.json").exists()
    toy.stage("square", OVERFEAT_SEAL_ONLY=1)
    assert len(toy.worked()) == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_person_must_mend_is_one_sentence(toy, workers):
    toy.control("fail-u01")
    done = toy.stage("square", check=2, TOY_WORKERS=workers)
    assert done.stderr.splitlines()[-1] == "overfeat: square: picture u01.jpg is broken; mend it"
    assert "Traceback" not in done.stderr
    assert toy.worked().count("u01") == 1
    assert "Traceback" in toy.stage("square", "--debug", check=2, TOY_WORKERS=workers).stderr


def test_a_bug_keeps_its_traceback(toy):
    toy.control("bug-u02")
    done = toy.stage("square", check=1)
    assert "ZeroDivisionError: a bug" in done.stderr
    assert not squares(toy)


def test_a_killed_worker_is_replaced_and_its_unit_tried_again(toy):
    toy.control("kill-u01", 2)
    toy.stage("square")
    assert squares(toy) == CLEAN
    assert toy.worked().count("u01") == 3


def test_a_unit_that_is_killed_every_time_ends_the_stage_and_names_itself(toy):
    toy.control("kill-u01", 9)
    done = toy.stage("square", check=1)
    assert "unit u01 was killed" in done.stderr
    assert "Traceback" not in done.stderr
    assert toy.worked().count("u01") == 3
    assert not squares(toy)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_leaves_no_process_and_the_next_goes_on(toy, workers):
    toy.control("sleep", 0.6)
    run = toy.start("python", "-m", "pipelines", "square", TOY_WORKERS=workers)
    toy.wait(lambda: toy.done() >= 1 and len(toy.worked()) > toy.done())
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    toy.wait(lambda: not toy.processes(), seconds=5)
    finished = {path.name for path in (toy.root / ".work/square").glob("*/done/*")}
    assert not squares(toy)
    toy.release("sleep")
    toy.stage("square", TOY_WORKERS=workers)
    assert squares(toy) == CLEAN
    assert finished
    assert all(toy.worked().count(name) == 1 for name in finished)
    assert "resumed=True" not in toy.log()


def test_a_resumable_stage_goes_on_in_the_folder_of_the_killed_try(toy):
    toy.control("sleep", 5)
    run = toy.start("python", "-m", "pipelines", "square", TOY_WORKERS=1, TOY_RESUMABLE=1)
    toy.wait(toy.worked)
    os.kill(run.pid, signal.SIGKILL)
    toy.release("sleep")
    toy.stage("square", TOY_WORKERS=1, TOY_RESUMABLE=1)
    assert [line.split()[2] for line in toy.log().splitlines()[:3]] == [
        "resumed=False",
        "resumed=True",
        "resumed=False",
    ]
    assert squares(toy) == CLEAN


def test_under_dvc_a_stage_ends_with_it_also_through_a_shell_that_stays(toy):
    toy.control("sleep", 30)
    shell = "import subprocess; subprocess.call(['sh', '-c', 'python -m pipelines square; true'])"
    like_dvc = toy.start("python", "-c", shell, DVC_STAGE="square", TOY_WORKERS=1)
    toy.wait(toy.worked)
    os.kill(like_dvc.pid, signal.SIGKILL)
    like_dvc.wait()
    toy.wait(lambda: not toy.processes(), seconds=5)


def test_an_interrupt_ends_all_processes_and_keeps_what_is_done(toy):
    toy.control("sleep", 1)
    run = toy.start("python", "-m", "pipelines", "square")
    toy.wait(lambda: toy.done() >= 1)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(10) == 130
    toy.wait(lambda: toy.processes() == {}, 10)  # the pool's resource tracker ends a moment after its parent
    assert "interrupted" in toy.said()
    assert "Traceback" not in toy.said()


def test_a_kill_between_the_last_unit_and_the_seal_works_nothing_again(toy):
    toy.control("slow-finish")
    run = toy.start("python", "-m", "pipelines", "square", TOY_WORKERS=1)
    toy.wait((toy.root / "finishing").exists)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert not squares(toy)
    toy.release("slow-finish")
    toy.stage("square")
    assert squares(toy) == CLEAN
    assert len(toy.worked()) == 4


def test_a_second_run_waits_says_for_whom_and_works_nothing_twice(toy):
    toy.control("sleep", 0.5)
    first = toy.start("python", "-m", "pipelines", "square")
    toy.wait(toy.worked)
    second = toy.start("python", "-m", "pipelines", "square")
    assert first.wait(30) == 0
    assert second.wait(30) == 0
    assert f"waiting for process {first.pid}" in toy.said()
    assert sorted(toy.worked()) == ["u00", "u01", "u02", "u03"]
    assert squares(toy) == CLEAN


@pytest.mark.parametrize(
    ("what", "path", "before", "after"),
    [
        ("param square", "params.yaml", "factor: 1.0", "factor: 2.0"),
        ("dep in", "in/base.txt", "3", "4"),
        ("dep toystages/square.py", "toystages/square.py", "toy stage", "other stage"),
    ],
)
def test_what_changes_in_mid_run_fails_the_seal(toy, what, path, before, after):
    toy.stage("square", TOY_WORKERS=1)
    toy.set("count: 4", "count: 3")
    toy.control("sleep", 0.4)
    run = toy.start("python", "-m", "pipelines", "square", TOY_WORKERS=1)
    toy.wait(lambda: len(toy.worked()) > 4)
    text = (toy.root / path).read_text()
    (toy.root / path).write_text(text.replace(before, after, 1))
    assert run.wait(30) == 2
    assert f"{what} changed while the stage ran, so nothing is recorded" in toy.said()
    assert squares(toy) == CLEAN


def test_a_change_of_something_undeclared_does_not_matter(toy):
    toy.control("sleep", 0.2)
    run = toy.start("python", "-m", "pipelines", "square", TOY_WORKERS=1)
    toy.wait(toy.worked)
    toy.set("top: 2", "top: 3")
    assert run.wait(30) == 0


def test_an_out_that_is_not_declared_is_a_bug(toy):
    toy.control("stray")
    done = toy.stage("square", check=1, TOY_WORKERS=1)
    assert "wrote data/stray.txt, which dvc.yaml does not declare" in done.stderr
    assert not squares(toy)


def test_an_out_edited_in_place_is_worked_again(toy):
    toy.stage("square", TOY_WORKERS=1)
    with (toy.root / "data/square/u02.txt").open("a") as out:
        out.write("999\n")
    toy.stage("square", TOY_WORKERS=1)
    assert squares(toy) == CLEAN
    assert toy.worked()[4:] == ["u02"]


def test_a_missing_input_says_how_to_make_it(toy):
    done = toy.stage("total", check=2)
    assert done.stderr.strip() == (
        "overfeat: total: data/square is not there; the stages before this one make it: run `dvc repro total`"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sqare"], "no stage or command 'sqare' (did you mean 'square'?)"),
        (["square", "square.count=3"], "stage square takes no 'square.count=3'"),
        (["configure", "square.cont=3"], "unknown setting square.cont (did you mean 'square.count'?)"),
    ],
)
def test_a_wrong_command_is_answered_in_a_sentence(toy, words, said):
    done = toy.run("python", "-m", "pipelines", *words, check=2)
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_list_configure_and_clean(toy):
    assert (
        toy.run("python", "-m", "pipelines", "list").stdout == "square: data/square\ntotal: metrics.json, data/plots\n"
    )
    toy.stage("square", TOY_WORKERS=1)
    assert toy.done() == 4
    toy.run("python", "-m", "pipelines", "clean")
    assert toy.done() == 0
    assert "square.count: 4 -> 6" in toy.run("python", "-m", "pipelines", "configure", "profile=large").stderr


def test_a_python_without_the_packages_is_told_to_activate_the_environment(toy):
    (toy.root / "yaml.py").write_text("raise ModuleNotFoundError(\"No module named 'yaml'\", name='yaml')")
    done = toy.stage("square", check=2)
    assert "package 'yaml' is not installed" in done.stderr
    assert "activate" in done.stderr
    assert "Traceback" not in done.stderr
