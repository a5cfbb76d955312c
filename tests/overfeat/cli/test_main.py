"""The command ``overfeat``: its help, its words, and commands that become another program."""

import subprocess
import sys

import pytest

from overfeat.cli import COMMANDS, main


def test_help_and_a_bare_command_name_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    bare = capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out == bare
    assert all(f"\n    {name}" in bare for name in COMMANDS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "serve-flows"])
def test_every_command_says_what_it_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"usage: overfeat {name} " in said
    assert COMMANDS[name].HELP[1:] in said


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["import"])
    assert end.value.code == 2
    assert "import-weights" in capsys.readouterr().err


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys; from overfeat.cli import main; main([]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_it_is_a_module_that_can_be_run() -> None:
    done = subprocess.run([sys.executable, "-m", "overfeat.cli"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("usage: overfeat ")


def test_serve_flows_becomes_the_module_of_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    became = []
    monkeypatch.setattr("os.execv", lambda *words: became.append(words))
    words = ["--port", "4300", "--reproduce", "0 4 * * 6", "--pictures", "a", "b", "--help"]
    assert main(["serve-flows", *words]) == 0
    assert became == [(sys.executable, [sys.executable, "-m", "flows.serve", *words])]


def test_serve_flows_without_prefect_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("overfeat.cli.serve_flows._NEEDED", ("prefect", "no_such_flows"))
    assert main(["serve-flows"]) == 2
    assert capsys.readouterr().err == (
        "overfeat: serve-flows needs no_such_flows, not installed here: pip install 'overfeat[pipeline]'\n"
    )


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["import-weights", "net_weight_0", "--prot", "4300"])
    assert end.value.code == 2
    assert "unrecognized arguments: --prot 4300" in capsys.readouterr().err


def test_a_bucket_that_cannot_be_reached_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody listens there
    assert main(["diff", "s3://bucket/a", "s3://bucket/b"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("overfeat: ")
    assert "cannot be reached" in said
    assert said.count("\n") == 1
