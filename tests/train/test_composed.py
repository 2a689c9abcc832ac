"""What a resumed configuration has become: it runs no code that no person has given, whichever way it came there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from tests.helpers.runs import run_here, tiny
from zero_dce.files import read_json, write_json
from zero_dce.train.composed import nothing_foreign
from zero_dce.train.configuration import config_folder, register_plugins, register_resolvers

EVIL = "{_target_: numpy.load, file: x, allow_pickle: true}"


def composed(overrides: Sequence[str], given: Sequence[str] = ()) -> DictConfig:
    """Compose as Hydra does when a run is resumed."""
    register_resolvers()
    register_plugins()
    with initialize_config_dir(str(config_folder()), version_base="1.3"), nothing_foreign(given):
        return compose("config", list(overrides), return_hydra_config=True)


@pytest.mark.parametrize(
    ("override", "refused"),
    [
        (f"+hydra.callbacks.x={EVIL}", "numpy.load"),
        (f"+callbacks.x={EVIL}", "numpy.load"),
        ("hydra.launcher._target_=os.system", "os.system"),
        ("hydra.sweeper._target_=os.system", "os.system"),
        ("+hydra.job_logging.handlers.x={factory: os.system}", "hydra.job_logging"),
        ("+hydra.hydra_logging.handlers.x={class: os.system}", "hydra.hydra_logging"),
        ("+hydra.job.env_set.LD_PRELOAD=/x", "hydra.job.env_set"),
        ("hydra.job.env_copy=[KEY]", "hydra.job.env_"),
        ("hydra.searchpath=[/usr]", "hydra.searchpath"),
        ("~hydra.callbacks.overview", "hydra.callbacks"),
        ("data.root=${oc.env:KEY}/x", r"\$\{oc.env:KEY\}"),
    ],
)
def test_code_that_nobody_has_given(override: str, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "a")
    with pytest.raises(SystemExit, match=refused):
        composed([override])


@pytest.mark.parametrize(
    ("lines", "refused"), [("setup=[id]", "launcher.setup"), ("partition='a\nid'", "hydra.launcher,")]
)
def test_lines_of_a_jobs_script(lines: str, refused: str) -> None:
    slurm = ["hydra/launcher=slurm", f"hydra.launcher.{lines}"]
    with pytest.raises(SystemExit, match=refused):
        composed(slurm)


def test_what_is_given_may_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "a")
    given = ["hydra/launcher=slurm", "hydra.launcher.setup=[id]", "+hydra.job.env_set.A=b", "data.root=${oc.env:KEY}/x"]
    config = composed(["seed=3", *given], given)
    assert (config.seed, config.hydra.launcher.setup, config.hydra.job.env_set.A) == (3, ["id"], "b")


def test_options_of_a_stored_sweeper_may_be_given() -> None:
    given = ["hydra.sweeper.n_trials=3", "hydra.launcher.slots=2"]
    config = composed(["+sweep=optuna", "hydra/launcher=local", "hydra.sweep.dir=x", *given], given)
    assert (config.hydra.sweeper.n_trials, config.hydra.launcher.slots) == (3, 2)


def test_the_files_of_a_folder_that_is_given(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    own = "# @package _global_\nhydra: {job: {env_set: {MINE: a}}}\nseed: 5\n"
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(own)
    folder = ["--config-dir", str(tmp_path / "own")]
    overrides = ["experiment=mine", "hydra.sweep.dir=sweep", "trainer.max_steps=1", "-m"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv"), *folder, *overrides) == 0
    assert run_here(monkeypatch, tmp_path, "resume=sweep") == 1
    assert run_here(monkeypatch, tmp_path, "resume=sweep", *folder) == 0


def test_what_the_package_itself_has(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps = sorted(file.stem for file in (config_folder() / "sweep").glob("*.yaml"))
    assert len(sweeps) > 3
    for sweep in sweeps:
        composed([f"+sweep={sweep}", "hydra.sweep.dir=x", "hydra.output_subdir=.hydra_resumed", "hydra.job.num=3"])
    for launcher in ("local", "slurm", "sequential"):
        composed([f"hydra/launcher={launcher}", "logger=[wandb,csv]", "experiment=adaptive"])


def routes(folder: Path) -> dict[str, str]:
    """Ways to a file of a folder from which no configuration is read, each with the name of a job."""
    dots, place = "${runs_folder:x}${runs_folder:x}/", f"{folder.relative_to('/')}/evil"
    return {
        f"experiment={dots * 15}{place}": "train",
        f"experiment={'../' * 15}{place}": "train",
        "experiment=${hydra:job.name}": f"{'../' * 15}{place}",
    }


@pytest.mark.parametrize("looked_at", [True, False])
def test_a_file_from_elsewhere(
    looked_at: bool, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would make an object before the task begins; also where looking at the texts has found nothing."""
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "hydra.run.dir=run/0")) == 0
    evil = "# @package _global_\nhydra: {callbacks: {x: {_target_: os.mkdir, path: taken}}}\n"
    (tmp_path / "evil.yaml").write_text(evil)
    if not looked_at:
        monkeypatch.setattr("zero_dce.train.stored.check_stored", lambda *_, **__: None)
    stored = tmp_path / "run" / "0" / ".hydra" / "overrides.yaml"
    before = OmegaConf.load(stored)
    for override, name in routes(tmp_path).items():
        OmegaConf.save([*before, override, f"hydra.job.name={name}"], stored)
        assert run_here(monkeypatch, tmp_path, "resume=run/0", "trainer.max_steps=6") == 1, override
        told = capsys.readouterr().err
        assert "Traceback" not in told
        assert ("leads out of" if looked_at else "") in told
        assert not (tmp_path / "taken").exists(), override


def test_a_link_to_a_folder(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra follows it; a stored folder of configurations is not looked through so far."""
    evil = "# @package _global_\nhydra: {callbacks: {x: {_target_: os.mkdir, path: taken}}}\n"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "evil.yaml").write_text(evil)
    own = tmp_path / "own"
    own.mkdir()
    (own / "linked").symlink_to(tmp_path / "elsewhere")
    sweep = ["--config-dir", str(own), "seed=1,2", "hydra.sweep.dir=sweep", "-m"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", *sweep)) == 0
    plan = read_json(tmp_path / "sweep" / "sweep.json")
    write_json(tmp_path / "sweep" / "sweep.json", {**plan, "overrides": [*plan["overrides"], "+linked=evil"]})
    assert run_here(monkeypatch, tmp_path, "resume=sweep") == 1
    assert not (tmp_path / "taken").exists()
