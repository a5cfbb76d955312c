"""The README's own commands: make's targets exist, profiles compose, files that are named are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKE = re.findall(r"^\$ (make .*)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", MAKE)
def test_make_knows_the_targets(line: str) -> None:
    done = subprocess.run(["bash", "-c", line.replace("make", "make -n", 1)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("profile", re.findall(r"PROFILE=(\w+)", README))
def test_profiles_compose(profile: str) -> None:
    from pipelines.engine.configure import check, compose

    check(compose(ROOT / "conf", [f"profile={profile}"]))


def test_every_profile_is_in_the_table() -> None:
    table = README[README.index("| profile |") :]
    assert all(f"`{path.stem}`" in table for path in (ROOT / "conf/profile").iterdir())


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_the_flow_takes_what_the_readme_gives_it() -> None:
    done = subprocess.run([sys.executable, "-m", "flows.reproduce", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(option in done.stdout for option in re.findall(r"flows\.reproduce (--\w+)", README))
