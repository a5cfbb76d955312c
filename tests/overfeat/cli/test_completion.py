"""``overfeat completion``: a script that the shell itself takes, and that knows the commands."""

import shutil
import subprocess
from pathlib import Path

import pytest

from overfeat.cli import COMMANDS, main


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_every_command_is_in_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    assert "--min-confidence" in script or shell == "tcsh"


def test_bash_completes_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    main(["completion", "bash"])
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    asks = (
        "source completion; COMP_WORDS=(overfeat de); COMP_CWORD=1; "
        "$(complete -p overfeat | sed 's/.*-F \\([^ ]*\\).*/\\1/'); echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", asks], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["detect"], done.stderr
