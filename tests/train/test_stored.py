"""A folder that is resumed may come from somebody else: it cannot bring code."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.helpers.runs import run_here, tiny
from zero_dce.files import read_json, write_json
from zero_dce.train.configuration import ALLOW_VARIABLE, find_targets
from zero_dce.train.stored import check_links, check_stored, single_values
from zero_dce.train.targets import allow_own

EVIL = "+callbacks.mine={_target_: os.mkdir, path: taken}"


def test_where_targets_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    config = OmegaConf.create({"a": [{"_target_": "x.Y", "b": {"_target_": "z.Z"}}], "c": "${a}", "d": None})
    assert list(find_targets(config)) == ["x.Y", "z.Z"]
    for override in (
        EVIL,
        "trainer._target_=os.system",
        "+a.b=[{_target_: os.system}]",
        "hydra.launcher._target_=os.system",
        "hydra.searchpath=[file:///tmp]",
        "hydra.job_logging.handlers.x={}",
        "+hydra.callbacks.x={}",
    ):
        with pytest.raises(ValueError, match="any code"):
            check_stored(["seed=1", override])
    with pytest.raises(ValueError, match="leads out of the configuration"):
        check_stored(["data=../../tmp/mine"])
    allow_own([EVIL])
    check_stored([EVIL])
    monkeypatch.delenv(ALLOW_VARIABLE)
    check_stored(["seed=1,2", "~callbacks.washout", "loss.weights.exp=1", "hydra.launcher.slots=2"])


@pytest.mark.parametrize(
    "override",
    [
        "hydra/job_logging=mine",
        "data@hydra.job_logging=sice",
        "data@_global_.hydra.job_logging=sice",
        "hydra={callbacks: {}}",
        "hydra.job.env_set.LD_PRELOAD=x",
        "hydra.launcher.setup=[touch taken]",
        "++hydra.launcher.setup=[touch taken]",
        "hydra.launcher={setup: [touch taken]}",
        "hydra.launcher.additional_parameters={wrap: x}",
        'hydra.launcher.partition="a\ntouch taken"',
        "hydra.sweeper.params={hydra.job_logging.x: 1}",
        "hydra.sweeper.params={callbacks.mine._target_: os.mkdir}",
        "hydra.sweeper.params={callbacks.mine: '{_target_: os.mkdir}'}",
        "hydra.sweeper.also=[{hydra/job_logging: x}]",
        "+callbacks.mine='${oc.create:\"{_target_: os.mkdir, path: taken}\"}'",
        "+callbacks.mine='${oc.decode:\"{_target_: os.mkdir, path: taken}\"}'",
        "logger.wandb.project='${oc.env:HF_TOKEN}'",
        "--experimental-rerun=config.pickle",
        "-cd=mine",
        "nonsense",
    ],
)
def test_overrides_that_could_bring_code(override: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"any code|anything|cannot be read"):
        check_stored(["seed=1", override])


def test_overrides_that_a_sweep_stores() -> None:
    check_stored(
        [
            "hydra/launcher=local",
            "hydra.sweeper.params={loss.weights.exp: '1,2'}",
            "hydra.sweeper.also=[{experiment: adaptive},{loss.weights.exp:100}]",
            "hydra.sweep.subdir=a/${hydra.job.num}",
            "+sweep=optuna",
            "logger=[wandb,mlflow]",
            "data.root=../x",
            "data.root='${oc.env:SICE_ROOT}/x'",
            'callbacks.samples.images="/a b/c"',
        ]
    )


@pytest.mark.parametrize(
    "override",
    [
        "run_dir=/home",
        "callbacks.checkpoints.folder=/home",
        "trainer.default_root_dir=/home",
        "trainer={default_root_dir: /home}",
        "logger.wandb.mode=shared",
        "logger.wandb.save_dir=/home",
        "logger.mlflow.tracking_uri=http://me",
        "logger.mlflow.id_file=/home/x",
        "logger.tensorboard.version=../x",
        "+logger.wandb.settings.save_code=true",
        "+trainer.profiler={_target_: zero_dce.module.ZeroDCE}",
        "+trainer.strategy=ddp_spawn",
        "+a.b=1",
        "+a={b._convert_: all}",
        "hydra.job.chdir=true",
        "hydra.sweeper.storage=sqlite:////home/x.db",
        "allow_targets=os",
        "+allow_targets=os",
        "a=${new_folder:/home/made}",
    ],
)
def test_overrides_that_lead_anywhere(override: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"lead anywhere|any code|make anything|leads out"):
        check_stored(["seed=1", override])
    check_stored(["seed=1", override], given=[override])


def test_overrides_that_lead_nowhere() -> None:
    check_stored(
        [
            *("logger.wandb.mode=online", "logger.wandb.settings.disable_git=true", "+logger.wandb.entity=us"),
            *(
                "logger.mlflow=null",
                "callbacks.samples=null",
                "logger.wandb.tags=[a,b]",
                "+trainer.limit_val_batches=2",
            ),
        ]
    )


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "wandb" / "offline-1").mkdir(parents=True)
    (run / "wandb" / "latest-run").symlink_to("offline-1")
    (run / "wandb" / "offline-1" / "logs").mkdir()
    (run / "wandb" / "offline-1" / "logs" / "debug-core.log").symlink_to(tmp_path / "cache.log")
    check_links(run)
    (tmp_path / "linked").symlink_to(run)
    check_links(tmp_path / "linked")
    for name in ("train.log", "wandb/offline-1/x", "checkpoints"):
        (run / name).symlink_to(tmp_path if name == "checkpoints" else "/nowhere")
        with pytest.raises(ValueError, match=rf"{run / name} is a link to \S+, out of the folder that is resumed"):
            check_links(run)
        (run / name).unlink()
    # Trackers write beside a run.
    (tmp_path / "wandb").symlink_to("/nowhere")
    with pytest.raises(ValueError, match=rf"{tmp_path / 'wandb'} is a link to /nowhere"):
        check_links(run)
    (tmp_path / "wandb").unlink()
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "latest-run").symlink_to("offline-1")
    check_links(run)


def test_folders_may_be_swept_over() -> None:
    check_stored(["hydra.sweeper.params={data.root:'../a,../b',data:'sice,pairs'}", "data.root=../a"])


@pytest.mark.parametrize("name", [".hydra/x", "a/.hydra/x", "../x"])
def test_names_do_not_lead_where_nothing_is_checked(name: str) -> None:
    swept = (f"hydra.sweeper.params.data='sice,{name}'", f"+hydra.sweeper.also=[{{seed:1}},{{data:'{name}'}}]")
    for override in (f"data={name}", f"logger=[csv,{name}]", f"data=sice,{name}", *swept):
        with pytest.raises(ValueError, match="leads out of the configuration"):
            check_stored([override])


def test_what_a_person_gives_again_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    root = "data.root='${oc.env:SCRATCH}/a','${oc.env:SCRATCH}/b'"
    jobs = ["data.root='${oc.env:SCRATCH}/a'", "data.root='${oc.env:SCRATCH}/b'"]
    check_stored([root, *jobs], given=[root, "--config-dir=mine", "-m"])
    with pytest.raises(ValueError, match="HF_TOKEN"):
        check_stored([*jobs, "data.root='${oc.env:HF_TOKEN}'"], given=[root])
    # A part of what was given is something else.
    with pytest.raises(ValueError, match="SCRATCH"):
        check_stored(["root='${oc.env:SCRATCH}/a'"], given=[f"data.{text}" for text in ["x='${oc.env:SCRATCH}/a'"]])


def test_what_a_sweep_runs_over_in_the_form_of_its_jobs() -> None:
    given = ["+note=a,1e-3", "+other=range(1,4)", "seed=3", "loss=glob(p*)", "+rate=interval(0,1)", "-m", "~x"]
    values = ["+note=a", "+note=0.001", "+other=1", "+other=2", "+other=3", "seed=3"]
    assert list(single_values(given)) == values


def test_each_text_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr("zero_dce.train.stored.parse_stored", lambda texts: parsed.extend(texts) or [])
    check_stored([])
    with pytest.raises(ValueError, match="shorter"):
        check_stored(["seed=1", "seed=2", "seed=1"])
    assert parsed == ["seed=1", "seed=2"]


def test_a_resumed_run(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "hydra.run.dir=run/0")) == 0
    stored = tmp_path / "run" / "0" / ".hydra" / "overrides.yaml"
    stored.write_text(stored.read_text() + f"- '{EVIL}'\n- allow_targets=os\n")
    resume = ["resume=run/0", "trainer.max_steps=6"]
    assert run_here(monkeypatch, tmp_path, *resume) == 1
    assert "makes 'os.mkdir', which may run any code" in capsys.readouterr().err
    assert not (tmp_path / "taken").exists()
    stored.write_text(stored.read_text().replace("- allow_targets=os\n", ""))
    assert run_here(monkeypatch, tmp_path, *resume, "allow_targets=[os]") == 0
    assert (tmp_path / "taken").exists(), "the test would notice"


def test_a_resumed_sweep(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ALLOW_VARIABLE, raising=False)
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=csv", "seed=1,2", "hydra.sweep.dir=sweep", "-m")) == 0
    plan = read_json(tmp_path / "sweep" / "sweep.json")
    for changed in ({"overrides": [*plan["overrides"], EVIL]}, {"hydra": ["hydra.launcher._target_=os.mkdir"]}):
        write_json(tmp_path / "sweep" / "sweep.json", {**plan, **changed})
        assert run_here(monkeypatch, tmp_path, "resume=sweep") == 1
        assert "which may run any code" in capsys.readouterr().err
    assert not (tmp_path / "taken").exists()
