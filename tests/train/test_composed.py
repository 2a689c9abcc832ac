"""What a resumed configuration has become: it runs no code that no person has given, whichever way it came there."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from tests.helpers.runs import run_here, tiny
from zero_dce.files import read_json, write_json
from zero_dce.sweep.launching.environment import run_environments
from zero_dce.train.composed import check_composed, check_resolved, nothing_foreign
from zero_dce.train.configuration import (
    ALLOW_VARIABLE,
    GIVEN_VARIABLE,
    config_folder,
    loader_of,
    register_plugins,
    register_resolvers,
)
from zero_dce.train.stored import check_stored

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
        (r"data.root=\${oc.env:KEY}/x", r"\\\$\{oc.env:KEY\}"),
        ("+x={a: $,b: '${x.a}{oc.env:KEY}'}", r"has \$,"),
        ("hydra.launcher._target_=hydra._internal.core_plugins.basic_launcher.Path.write_text", "Path.write_text"),
        ("hydra.sweeper._target_=hydra._internal.core_plugins.basic_launcher.logging.os.system", "os.system"),
        ("hydra.output_subdir=../mine", "hydra.output_subdir"),
        ("hydra.output_subdir=..", "hydra.output_subdir"),
        ("hydra.output_subdir=${hydra.job.name}", "hydra.output_subdir"),
        ("hydra.job.name=/x/y", "hydra.job.name"),
        ("hydra.job={name: ../x}", "hydra.job.name"),
        ("hydra.job.chdir=true", r"hydra\.job\.chdir"),
        ("+hydra.sweeper.storage=sqlite:///x.db", r"hydra\.sweeper\.storage"),
        ("+hydra.launcher.x={_target_: zero_dce.train.loggers.step_mlflow.StepMLFlowLogger}", r"hydra\.launcher\.x"),
        ("hydra.launcher._target_=zero_dce.module.ZeroDCE", r"hydra\.launcher\._target_"),
        ("run_dir=/x", r"callbacks\.checkpoints\.folder"),
        ("sweep_name=${new_folder:/x}", "new_folder"),
        ("callbacks.samples.folder=/x", r"callbacks\.samples\.folder"),
        ("callbacks.samples={folder: /x}", r"callbacks\.samples\.folder"),
        ("trainer.default_root_dir=/x", r"trainer\.default_root_dir"),
        ("callbacks.samples._target_=zero_dce.module.ZeroDCE", r"callbacks\.samples\._target_"),
        ("+callbacks.samples._partial_=true", r"callbacks\.samples\._partial_"),
        ("+callbacks.x={_target_: zero_dce.train.callbacks.samples.SamplePictures, folder: /x}", r"callbacks\.x"),
        ("+callbacks.x={_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: /}", "ModelCheckpoint"),
        ("+trainer.profiler={_target_: lightning.pytorch.profilers.SimpleProfiler}", "SimpleProfiler"),
        ("+trainer.strategy=ddp_spawn", r"trainer\.strategy"),
        ("++trainer.strategy.x=1", r"trainer\.strategy\.x"),
        ("+logger.wandb.settings.save_code=true", r"logger\.wandb\.settings\.save_code"),
        ("+logger.wandb.settings.base_url=http://x", r"logger\.wandb\.settings\.base_url"),
        ("logger.wandb.mode=shared", r"logger\.wandb\.mode"),
        ("logger.wandb.save_dir=/x", r"logger\.wandb\.save_dir"),
        ("logger.wandb.tags=[a,{b: c}]", r"logger\.wandb\.tags"),
        ("+allow_targets=os", "allow_targets"),
        ("+part=get", "part"),
        ("+data/split@hydra.job_logging=random", "is no choice of conf"),
        ("+callbacks@p=default", "is no choice of conf"),
        ("+logger@callbacks=mlflow", "is no choice of conf"),
        ("callbacks.washout.drop=${callbacks.samples}", r"callbacks\.washout\.drop"),
        ("logger.wandb.tags=['${callbacks.samples}']", r"logger\.wandb\.tags"),
        ("trainer.accelerator=' ${hydra:launcher}'", r"trainer\.accelerator"),
        ("logger.wandb.save_dir=null", r"logger\.wandb\.save_dir"),
        ("run_dir=null", "run_dir"),
    ],
)
def test_code_that_nobody_has_given(override: str, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "a")
    with pytest.raises(SystemExit, match=refused):
        composed([override])


def test_what_a_sweep_runs_over_is_read_as_it_stands() -> None:
    """It would be resolved before it is read as overrides."""
    sweep = ["+sweep=loss_weights", "hydra.sweep.dir=x"]
    composed([*sweep, "+hydra.sweeper.params.seed='1,2'"])
    with pytest.raises(SystemExit, match=r"sets hydra\.sweeper, which"):
        composed([*sweep, "+hydra.sweeper.params.seed='${sweep_name}'"])


@pytest.mark.parametrize("option", ["setup=[id]", "+additional_parameters={wrap: id}", "submitit_folder=/x/%j"])
def test_what_a_job_executes(option: str) -> None:
    option = f"{'+' * option.startswith('+')}hydra.launcher.{option.lstrip('+')}"
    slurm = ["hydra/launcher=slurm", option]
    with pytest.raises(SystemExit, match=rf"sets {option.lstrip('+').partition('=')[0]}\S*, which may run"):
        composed(slurm)
    composed(slurm, [option])
    with pytest.raises(ValueError, match="may run any code"):
        check_stored([option])


def test_what_is_given_may_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "a")
    setup = "hydra.launcher.setup=[id,'a\nb']"
    roots = ["data.root='${oc.env:KEY}/${sweep_name}'", "callbacks.samples.images='${oc.env:KEY}/\\'s'"]
    given = ["hydra/launcher=slurm", setup, "+hydra.job.env_set.A=b", *roots]
    config = composed(["seed=3", *given], given)
    assert (config.seed, config.hydra.launcher.setup, config.hydra.job.env_set.A) == (3, ["id", "a\nb"], "b")
    with pytest.raises(SystemExit, match=r"oc\.env:KEY"):
        composed([*given, "sweep_name=${oc.env:KEY}"], given)


def test_a_file_at_another_place_may_be_given() -> None:
    elsewhere = "+loss@own=paper"
    assert composed([elsewhere], [elsewhere]).own.weights.spa == 1
    with pytest.raises(SystemExit, match=r"'\+loss@own=paper' is no choice of conf/"):
        composed([elsewhere])


def test_what_a_file_of_ones_own_runs_over_is_as_it_is_there(tmp_path: Path) -> None:
    """And nothing that a folder could make of it."""
    (tmp_path / "sweep").mkdir()
    params = "{++note: '1,2', ++place: 'http\\://${sweep_name}.org,x'}"
    (tmp_path / "sweep" / "own.yaml").write_text(
        f"# @package _global_\nhydra: {{mode: MULTIRUN, sweeper: {{params: {params}}}}}\n"
    )
    flags = ["--config-dir", str(tmp_path)]

    def load(*overrides: str) -> DictConfig:
        register_resolvers()
        register_plugins()
        with nothing_foreign(flags):
            loader = loader_of(str(config_folder()), [f"file://{tmp_path}"])
            return loader.load_configuration("config", ["+sweep=own", *overrides], RunMode.RUN)

    assert load("++note=2").note == 2
    for stored in (["++note=3"], ["sweep_name=evil", r"++place=http\://$\{sweep_name\}.org"]):
        with pytest.raises(SystemExit, match="stored configuration sets"):
            load(*stored)


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
    """Hydra follows it."""
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


# Text as long as it is resolved once, and then a call that writes a file.
PARTS = "{_tar${part}_: pathlib.Path, _args_: [PLACE]}"
WRITES = f"{{_tar${{part}}_: pathlib.Path.write_text, _args_: [{PARTS}, x]}}"


@pytest.mark.parametrize("looked_at", [True, False])
@pytest.mark.parametrize(
    "overrides",
    [
        ["+part=get", f"+callbacks.progress.note='\\${{oc.create:\"{WRITES}\"}}'"],
        ["+part=get", "+dollar=$", f"+callbacks.progress.note='${{dollar}}{{oc.create:\"{WRITES}\"}}'"],
    ],
)
def test_what_is_an_interpolation_only_when_resolved_twice(
    overrides: list[str], looked_at: bool, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "hydra.run.dir=run/0")) == 0
    stored = tmp_path / "run" / "0" / ".hydra" / "overrides.yaml"
    own = [text.replace("PLACE", str(tmp_path / "taken")) for text in overrides]
    OmegaConf.save([*OmegaConf.load(stored), *own], stored)
    if not looked_at:
        monkeypatch.setattr("zero_dce.train.stored.check_stored", lambda *_, **__: None)
        monkeypatch.setattr("zero_dce.train.composed.find_unsafe", lambda _: None)
    assert run_here(monkeypatch, tmp_path, "resume=run/0", "trainer.max_steps=6") == 1
    assert not (tmp_path / "taken").exists()
    assert GIVEN_VARIABLE not in os.environ


def test_texts_that_would_be_resolved_once_more() -> None:
    check_resolved(OmegaConf.create({"a": "$5 {b}", "b": ["${a}"]}))
    with pytest.raises(ValueError, match=r"becomes '\$\{oc.env:KEY\}', which may read"):
        check_resolved(OmegaConf.create({"a": [r"\${oc.env:KEY}"]}))


def test_the_process_of_a_run_of_a_resumed_sweep(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a sweep runs over are texts until each run is composed, which may be in a process of its own."""
    evil = f"+callbacks.x={{_target_: os.mkdir, path: {tmp_path / 'taken'}}}"
    line = [*tiny(sice, "logger=csv", "hydra.run.dir=sweep/0"), evil]
    with nothing_foreign(["resume=sweep", "hydra.launcher.slots=2", "seed=1"]):
        (environment,) = run_environments(1, None)
    monkeypatch.setenv(GIVEN_VARIABLE, environment[GIVEN_VARIABLE])
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    assert run_here(monkeypatch, tmp_path, *line) == 1
    assert "the stored configuration makes 'os.mkdir'" in capsys.readouterr().err
    assert run_here(monkeypatch, tmp_path, *line, "allow_targets=os") == 1
    assert "there is no option allow_targets" in capsys.readouterr().err
    # A job that is requeued begins with the line of its start, which is not the person's.
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert run_here(monkeypatch, tmp_path, *line[:-1]) == 0
    assert run_here(monkeypatch, tmp_path, *line) == 1
    assert not (tmp_path / "taken").exists()
    monkeypatch.delenv(GIVEN_VARIABLE)
    monkeypatch.delenv("SLURM_RESTART_COUNT")
    assert run_here(monkeypatch, tmp_path, *line[:-1], evil.replace("sweep/0", "sweep/1"), "hydra.run.dir=sweep/1") == 0
    assert (tmp_path / "taken").exists()


def test_what_a_folder_may_say() -> None:
    stored = [
        *("+sweep=loss_weights", "experiment=adaptive", "model=zero_dce_pp", "logger=[wandb,csv]", "trainer=ddp"),
        *("hydra/launcher=slurm", "hydra.launcher.timeout_min=5", "hydra.sweep.dir=x", "~callbacks.progress"),
        *("loss.weights.exp=3", "++loss.weights.tv=5", "data.root='/a b'", "trainer.precision=32-true"),
        *("trainer.devices=[0,1]", "callbacks.samples.images='${data.root}/x'", "callbacks.washout=null"),
        *(
            "logger.wandb.project=a",
            "+logger.wandb.entity=b",
            "logger.wandb.tags=[a,'${data.source}']",
            "logger.wandb.mode=online",
        ),
        *("+trainer.limit_val_batches=2", "trainer.strategy.timeout.minutes=3", "data.val_fraction=${seed}"),
    ]
    check_stored(stored)
    config = composed(stored)
    assert (config.loss.weights.tv, config.logger.wandb.entity, config.callbacks.samples.images) == (5, "b", "/a b/x")


@pytest.mark.parametrize("given", [["seed=1,2"], ["model=zero_dce,zero_dce_pp"], ["-m", "loss=paper,official"]])
def test_a_sweep_over_what_is_given_or_stored(given: list[str]) -> None:
    sweep = [
        "hydra.mode=MULTIRUN",
        "hydra.sweep.dir=x",
        *(text for text in given if text.count("=") and "+" not in text),
    ]
    for vouched in (given, []):
        register_resolvers()
        register_plugins()
        with initialize_config_dir(str(config_folder()), version_base="1.3"), nothing_foreign(vouched):
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration("config", sweep, RunMode.MULTIRUN)
            key, _, value = sweep[-1].partition("=")
            job = loader.load_sweep_config(config, [f"{key}={value.split(',')[1]}"])
            assert job.hydra.overrides.task == [f"{key}={value.split(',')[1]}"]
            with pytest.raises(SystemExit, match="callbacks"):
                loader.load_sweep_config(config, ["+callbacks.x=1"])


def test_what_a_person_gives_again_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sweep, what is stored comes after it."""
    own = ["+callbacks.c={_target_: mine.Own, folder: ck}", "data.root=mine"]
    composed(own, own)
    for stored in ("callbacks.c.folder=/x", "+callbacks.c.more=/x", "callbacks.c=${callbacks.samples}"):
        with pytest.raises(SystemExit, match=r"callbacks\.c"):
            composed([*own, stored], own)


def test_options_that_lead_elsewhere() -> None:
    """All others of conf/ may be given by a folder: one that is added there belongs to the one kind or the other."""
    register_resolvers()
    register_plugins()
    chosen = ["logger=[csv,wandb,mlflow,trackio,tensorboard]", "trainer=ddp", "hydra/launcher=slurm", "+sweep=optuna"]
    own = composed(chosen)
    held = set()
    for path in leaves(OmegaConf.to_container(own)):
        found = copy.deepcopy(own)
        with open_dict(found), read_write(found):
            OmegaConf.update(found, path, "7")
        try:
            check_composed(found, own)
        except ValueError:
            held.add(path)
    names = {path for path in held if not path.startswith("hydra.") and not path.endswith(("_target_", "_convert_"))}
    assert names == {
        *("run_dir", "trainer.default_root_dir", "logger.wandb.mode", "logger.wandb.save_dir", "logger.wandb.id_file"),
        *("callbacks.checkpoints.folder", "callbacks.samples.folder", "callbacks.washout.folder"),
        *("logger.mlflow.tracking_uri", "logger.mlflow.save_dir", "logger.mlflow.id_file", "logger.mlflow.chosen"),
        *("logger.trackio.id_file", *(f"logger.tensorboard.{name}" for name in ("save_dir", "name", "version"))),
    }
    assert {path for path in held if path.startswith("hydra.")} == {
        *("hydra.launcher._target_", "hydra.launcher.setup", "hydra.launcher.additional_parameters"),
        *("hydra.launcher.submitit_folder", "hydra.sweeper._target_", "hydra.sweeper.storage"),
    }


def leaves(node: Any, path: str = "") -> Iterator[str]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            if "." not in str(key):
                yield from leaves(value, f"{path}.{key}" if path else key)
    elif not path.startswith("hydra.") or path.startswith(("hydra.launcher.", "hydra.sweeper.")):
        yield path


def test_what_is_allowed_may_have_options_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = "+callbacks.x={_target_: mine.Own, folder: /x, y: {z: 1}}"
    with pytest.raises(SystemExit, match=r"mine\.Own"):
        composed([own])
    monkeypatch.setenv(ALLOW_VARIABLE, "mine")
    assert composed([own]).callbacks.x.y.z == 1
