"""A toy project under git and DVC, driven as a person would: by commands. Both conftest files load this file."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
TOY = Path(__file__).parent / "toy"


def environment(**more):
    """Return an environment without what this test run, or a DVC around it, has set."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "OVERFEAT_", "OMP_", "COVERAGE"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    own = {"PATH": path, "PYTHONPATH": str(REPOSITORY), "OVERFEAT_STAGES": "toystages", "DVC_NO_ANALYTICS": "1"}
    return kept | own | {key: str(value) for key, value in more.items()}


def make_template(root):
    """Write the toy project at ``root``: sources, conf, params, git and DVC."""
    (root / "toystages").mkdir(parents=True)
    shutil.copy(TOY / "sections.py", root / "toystages/__init__.py")
    for name in ("square.py", "total.py"):
        shutil.copy(TOY / name, root / "toystages" / name)
    shutil.copy(TOY / "graph.yaml", root / "dvc.yaml")
    (root / "conf/profile").mkdir(parents=True)
    shutil.copy(TOY / "config.yaml", root / "conf/config.yaml")
    (root / "conf/profile/small.yaml").write_text("# @package _global_\n{}\n")
    (root / "conf/profile/large.yaml").write_text("# @package _global_\nsquare: {count: 6}\n")
    (root / "params.yaml").write_text("note: in/base.txt\nscale: 1\nsquare: {count: 4, factor: 1.0}\ntotal: {top: 2}\n")
    (root / "in").mkdir()
    (root / "in/base.txt").write_text("3\n")
    (root / "control").mkdir()
    (root / ".gitignore").write_text(".work/\nwork.log\ncontrol/\nfinishing\n")
    (root / ".dvcignore").write_text(".work/\n__pycache__/\n")
    (root / ".dvc").mkdir()
    shutil.copy(REPOSITORY / ".dvc/config", root / ".dvc/config")
    shutil.copy(REPOSITORY / ".dvc/.gitignore", root / ".dvc/.gitignore")
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "toy"]):
        subprocess.run(["git", *words], cwd=root, check=True)


def _hear_interrupts():
    """Undo what a test run in the background has inherited from its shell: to ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class ToyProject:
    """The project at ``root`` and the commands a person would give in it."""

    def __init__(self, root):
        self.root = root
        self.started = []

    def run(self, *words, check=0, **env):
        """Run a command to its end; ``check`` is the exit code it must have, None for any."""
        done = subprocess.run(words, cwd=self.root, env=environment(**env), capture_output=True, text=True, timeout=150)
        if check is not None:
            assert done.returncode == check, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *words, **env):
        """Start a command in a session of its own and leave it running."""
        with (self.root / f".git/started-{len(self.started)}.txt").open("w") as out:
            process = subprocess.Popen(
                words,
                cwd=self.root,
                env=environment(**env),
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=_hear_interrupts,
            )
        self.started.append(process)
        return process

    def said(self, number=-1):
        return (self.root / f".git/started-{range(len(self.started))[number]}.txt").read_text()

    def stage(self, name, *words, check=0, **env):
        return self.run("python", "-m", "pipelines", name, *words, check=check, **env)

    def repro(self, *words, check=0, **env):
        return self.run("dvc", "repro", *words, check=check, **env)

    def is_clean(self):
        return self.run("dvc", "status", "--json").stdout.strip() == "{}"

    def set(self, before, after):
        path = self.root / "params.yaml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    def control(self, name, text=""):
        (self.root / "control" / name).write_text(str(text))

    def release(self, name):
        (self.root / "control" / name).unlink(missing_ok=True)

    def worked(self):
        """Return the first words of the work log: one a try to work a unit."""
        log = self.root / "work.log"
        return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []

    def log(self):
        return (self.root / "work.log").read_text()

    def outs(self):
        """Return the content of everything sealed, by path."""
        files = [self.root / "metrics.json", *(self.root / "data").rglob("*")]
        return {
            path.relative_to(self.root).as_posix(): path.read_text()
            for path in sorted(files)
            if path.is_file() and path.name != ".gitignore"
        }

    def done(self, stage="square"):
        """Return how many units are done under any KEY."""
        return len(list((self.root / ".work" / stage).glob("*/done/*")))

    def wait(self, condition, seconds=40):
        """Wait until ``condition()`` is true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain; said: " + "".join(
                self.said(number) for number in range(len(self.started))
            )
            time.sleep(0.05)

    def processes(self):
        """Return ids and command lines of all living processes whose current folder is in the project."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    where, said = os.readlink(entry / "cwd"), (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if said and Path(where).is_relative_to(self.root):
                    found[int(entry.name)] = said.replace(b"\0", b" ").decode()
        return found

    def close(self):
        """End what a test left running."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
