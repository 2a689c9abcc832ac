"""Completion as a shell asks for it: by argcomplete's variables, and in a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zero_dce import cli
from zero_dce.cli import COMMANDS, SHELLS, completion_file, install_completion

# What a press of Tab starts; where it ends it says on stderr what slow packages were imported.
PROGRAM = """
import os, sys
end = os._exit
def report(code):
    os.write(2, " ".join(name for name in ("torch", "lightning", "wandb") if name in sys.modules).encode())
    end(code)
os._exit = report
sys.argv = ["zero-dce"]
from zero_dce.cli import main
main()
"""


def proposals(line: str, cwd: Path) -> list[str]:
    """Return what is proposed at the end of a line, after checking that nothing slow was imported for it."""
    shell = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    shell |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(cwd / "proposals")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=cwd,
        env={**os.environ, **shell},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (cwd / "proposals").read_text().split("\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("zero-dce exp", ["export"]),
        ("zero-dce --i", ["--install-completion"]),
        ("zero-dce --install-completion ", list(SHELLS)),
        ("zero-dce export --format o", ["onnx", "openvino"]),
        ("zero-dce enhance photograph.jpg --over", ["--overwrite"]),
        ("zero-dce review pi", ["pick"]),
        ("zero-dce push --priv", ["--private"]),
        ("zero-dce review pick SWEEP --no", ["--note", "--no-upload"]),
        ("zero-dce train +sweep=loss", ["+sweep=loss_weights"]),
        ("zero-dce train experiment=quick loss.weights.e", ["loss.weights.exp="]),
        # One that leads to further keys only is followed at once.
        ("zero-dce train loss.wei", [f"loss.weights.{name}=" for name in ("col", "exp", "spa", "tv")]),
        ("zero-dce train --multi", ["--multirun"]),
    ],
)
def test_what_is_proposed(line: str, expected: list[str], tmp_path: Path) -> None:
    assert proposals(line, tmp_path) == expected


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_proposes_before_it_does_anything(command: str, tmp_path: Path) -> None:
    assert "--help" in proposals(f"zero-dce {command} --", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["proposals"]


@pytest.mark.slow
def test_files_are_proposed(tmp_path: Path) -> None:
    (tmp_path / "night.jpg").touch()
    assert "night.jpg" in proposals("zero-dce enhance ni", tmp_path)


@pytest.mark.slow
def test_in_bash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed file, read by bash, completes as a press of Tab does."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    install_completion("bash")
    program = tmp_path / "bin" / "zero-dce"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom zero_dce.cli import main\nmain()\n")
    program.chmod(0o755)
    script = f"""
source {completion_file("bash")}
COMP_LINE='zero-dce export --format o' COMP_POINT=26 COMP_TYPE=9
COMP_WORDS=(zero-dce export --format o) COMP_CWORD=3
_python_argcomplete zero-dce o --format
printf '%s\\n' "${{COMPREPLY[@]}}"
complete -p zero-dce
"""
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=100
    )
    proposed, registered = done.stdout.split("complete ", 1)
    assert proposed.split() == ["onnx", "openvino"], done.stderr
    assert registered.endswith("-F _python_argcomplete zero-dce\n")


@pytest.mark.parametrize(
    ("shell", "file", "text"),
    [
        ("bash", "share/bash-completion/completions/zero-dce", "source "),
        ("zsh", "share/zsh/site-functions/_zero-dce", "fpath=("),
        ("fish", "config/fish/completions/zero-dce.fish", "A new fish reads it."),
    ],
)
def test_where_it_is_installed(
    shell: str, file: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    message = install_completion()
    assert message.startswith(f"{tmp_path / file} is written.")
    assert text in message
    assert "zero-dce" in (tmp_path / file).read_text()


def test_homes_without_these_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert completion_file("zsh") == tmp_path / ".local/share/zsh/site-functions/_zero-dce"
    assert completion_file("fish") == tmp_path / ".config/fish/completions/zero-dce.fish"


@pytest.mark.parametrize("shell", ["tcsh", ""])
def test_another_shell_is_refused(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "")
    with pytest.raises(ValueError, match=r"cannot complete in the shell .*; expected zero-dce --install-completion"):
        install_completion(shell)


def test_nothing_is_proposed_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cli.PROGRAM_WORD, raising=False)
    assert not cli.is_completing()
