"""What of a stored configuration is resolved."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from tests.helpers.paths import ROOT
from zero_dce.records.interpolation import foreign_interpolation, unsafe_interpolation, without_foreign
from zero_dce.records.sweep import read_yaml, run_overrides


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:KEY}",
        "a ${oc.env:SICE_ROOT2}",
        "${oc.decode:'{_target_: os.system}'}",
        "${oc.create:x}",
        "${oc.${x}:KEY}",
        "${oc.env:${hydra:x}}",
        "${hydra${x}:y}",
        "${run_name:${oc.env:KEY}}",
        r"\\${oc.env:KEY}",
        "${ oc.env : KEY }",
    ],
)
def test_foreign(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert foreign_interpolation(text)
    monkeypatch.setenv("KEY", "secret")
    config = OmegaConf.create(without_foreign({"a": [text]}))
    assert config.a[0] == text, "it is shown as it stands there"


@pytest.mark.parametrize(
    "text",
    ["${a.b}", "${a[0]}", "${.a}", "${..a}", "${runs_folder:${run_dir}}/wandb", "$HOME", r"\${oc.env:KEY}", "{}"],
)
def test_own(text: str) -> None:
    assert foreign_interpolation(text) is None
    assert without_foreign(text) == text


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"a": r"\${oc.env:KEY}"}, r"\${oc.env:KEY}"),
        ({"a": r"\${${b}}", "b": "oc.env:KEY"}, r"\${${b}}"),
        ({"a": "${b}{oc.env:KEY}", "b": "$"}, "$"),
        ({"a": "$${b}", "b": "{oc.env:KEY}"}, "$..."),
        ({"a": "${b}${c}", "b": "$", "c": "{oc.env:KEY}"}, "$"),
    ],
)
def test_what_is_resolved_the_second_time(values: dict[str, str], part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "secret")
    config = OmegaConf.create(values)
    OmegaConf.resolve(config)
    assert config.a == "secret"
    assert [unsafe_interpolation(text) for text in values.values() if unsafe_interpolation(text)] == [part]


@pytest.mark.parametrize("text", ["$HOME/a", "${a}/$b/${c}", "{a}", "5 $ {a}", "a\\b"])
def test_what_stays_text(text: str) -> None:
    assert unsafe_interpolation(text) is None


def test_all_that_the_package_itself_configures_is_resolved() -> None:
    for file in (ROOT / "conf").rglob("*.yaml"):
        for line in file.read_text().splitlines():
            # That makes a folder; hydra.run.dir and hydra.sweep.dir are given where something is resumed.
            assert unsafe_interpolation(line) is None or "dir: ${new_folder:" in line, file


def test_a_stored_configuration_reads_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "secret")
    monkeypatch.setenv("SICE_ROOT", "/sice")
    file = tmp_path / "config.yaml"
    file.write_text('a: ${oc.env:KEY}\nb: ${a}\nroot: ${oc.env:SICE_ROOT,""}\nc: [{d: "x ${oc.env:KEY}"}]\n')
    config = read_yaml(file, DictConfig)
    assert (config.a, config.b, config.c[0].d) == ("${oc.env:KEY}", "${oc.env:KEY}", "x ${oc.env:KEY}")
    assert config.root == "/sice"
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("- x=${oc.env:KEY}\n- y=${seed}\n")
    assert run_overrides(tmp_path) == ["x=${oc.env:KEY}", "y=${seed}"]
