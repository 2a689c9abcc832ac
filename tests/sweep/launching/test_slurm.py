"""Sweeps on a real SLURM: two nodes of a private cluster on this machine, with jobs that train."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from tests.helpers import processes, slurm
from tests.helpers.paths import ROOT
from tests.helpers.runs import read_metrics, read_result, read_wandb, run_here, tiny, wandb_rows
from tests.helpers.slurm import Cluster, running_cluster, why_not
from tests.train.test_resuming import assert_same_losses
from zero_dce.files import read_json, write_json
from zero_dce.losses import CompositeLoss
from zero_dce.sweep.launching import slurm as launching_slurm
from zero_dce.sweep.launching import slurm_wait
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.slurm import Resources, make_executor
from zero_dce.sweep.launching.slurm_queue import QueuedJob
from zero_dce.sweep.launching.slurm_wait import Submitted
from zero_dce.train.command_line import expand_resume
from zero_dce.train.continuing import resume_command
from zero_dce.train.resuming import read_step

pytestmark = pytest.mark.slurm
ON_SLURM = [
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1",
    "hydra.launcher.setup=['export MASTER_ADDR=127.0.0.1']",
    "hydra.sweep.dir=sweep",
    "hydra.mode=MULTIRUN",
]
# Some ten milliseconds a step, and nothing beside: long enough to be met in the middle, quick to be done.
STEPS = ["logger=csv", "trainer.max_steps=200", "every_n_steps=20"]

MOST_IN_ARRAY = 3


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One cluster for all tests; none of its daemons is left afterwards."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with running_cluster(f"MaxArraySize={MOST_IN_ARRAY}\n") as cluster:
        yield cluster
    assert_gone(cluster)


@pytest.fixture(autouse=True)
def _here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use the cluster from this process, which asks often, and leave it empty; jobs import this very package."""
    if "cluster" not in request.fixturenames:
        yield
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    for name, value in {**cluster.environment, "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(slurm_wait, "SECONDS_BETWEEN_LOOKS", 0.5)
    yield
    cluster.empty()


def assert_gone(cluster: Cluster) -> None:
    assert cluster.daemons
    left = [daemon.args for daemon in cluster.daemons if Path(f"/proc/{daemon.pid}").exists()]
    assert not left


def meanwhile(action: Callable[[], object], when: Callable[[], bool], run: Callable[[], int]) -> int:
    """Return the exit code of a run, during which ``action`` is carried out as soon as it is time for it."""
    over = threading.Event()

    def act() -> None:
        while not when():
            assert not over.wait(0.05), "it never came to that"
        action()

    with ThreadPoolExecutor() as beside:
        acted = beside.submit(act)
        try:
            code = run()
        finally:
            over.set()
        acted.result()
    return code


def job_of(run: Path) -> str:
    """The id of a run's job."""
    return str(read_json(run.parent / "slurm_jobs.json")[run.name])


def quick(sice: Path, *overrides: str) -> list[str]:
    """Overrides of a run without pictures."""
    options = [o for o in tiny(sice) if not o.startswith(("callbacks.samples.", "trainer.max_steps", "every_n_steps"))]
    return [*options, "callbacks.samples=null", *STEPS, *overrides]


def logs(sweep: Path) -> dict[str, str]:
    """What each task of each job has printed, by the name of its log."""
    return {file.name: file.read_text() for file in sweep.glob(".submitit/*/*/*_log.out")}


def test_a_cluster_that_does_not_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    clusters: list[Cluster] = []
    start = Cluster.start

    def remembered(cluster: Cluster) -> None:
        clusters.append(cluster)
        start(cluster)

    monkeypatch.setattr(Cluster, "start", remembered)
    monkeypatch.setattr(slurm, "CONFIGURATION", slurm.CONFIGURATION + "NoSuchOption=1\n")
    with pytest.raises(RuntimeError, match="NoSuchOption"), running_cluster():
        pass
    assert_gone(clusters[0])
    assert not clusters[0].folder.exists()


def test_more_runs_than_an_array_may_have(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = MOST_IN_ARRAY + 1
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *ON_SLURM, f"seed=range({runs})", "trainer.max_steps=1")) == 0
    sweep = tmp_path / "sweep"
    assert [read_result(sweep / str(number))["state"] for number in range(runs)] == ["finished"] * runs
    *first, last = (job.partition("_") for job in read_json(sweep / "slurm_jobs.json").values())
    assert [int(place) for *_, place in first] == [*range(MOST_IN_ARRAY)]
    assert len({array for array, *_ in first}) == 1
    assert last[0] != first[0][0]


def test_a_sweep_with_a_failing_run(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The second learning rate is more than a float holds: an error in the second step. The third is beside the grid.
    beside = ("model.learning_rate=1e-4,1e300", "hydra/sweeper=grid", "hydra.sweeper.also=[{model.learning_rate:2e-4}]")
    code = run_here(monkeypatch, tmp_path, *tiny(sice, *ON_SLURM, *beside))
    printed = capsys.readouterr()
    assert code == 1, printed
    sweep = tmp_path / "sweep"
    states = [read_result(sweep / str(number))["state"] for number in range(3)]
    assert states == ["finished", "failed", "finished"]
    jobs = read_json(sweep / "slurm_jobs.json")
    (array,) = {job.partition("_")[0] for job in jobs.values()}
    assert jobs == {str(number): f"{array}_{number}" for number in range(3)}
    table = [line.split() for line in printed.out.splitlines()]
    assert [row[2:4] for row in table if row[:1] in (["0"], ["1"], ["2"])] == [
        ["learning_rate=0.0001", "finished"],
        ["learning_rate=1e+300", "failed"],
        ["learning_rate=0.0002", "finished"],
    ]
    assert "accounting storage is disabled" in printed.out, "said before anything is submitted"
    assert re.search(rf"Run 2 started on n[12] \(job {array}_2\); log: /", printed.out)
    assert re.search(r"(?s)the loss is not finite after 1 steps.*?; log: ", printed.out)
    assert "run 1 failed: the loss is not finite after 1 steps: " in printed.err
    assert "of training" not in printed.out, "this machine's speed says nothing about the nodes'"
    assert "MB of disk" in printed.out
    assert len(list((sweep / "wandb").glob("offline-run-*"))) == 3


def test_runs_of_several_processes(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes with one and with two tasks each: one job for each kind."""
    grid = ["trainer=ddp", "trainer.devices=1,2", "trainer.num_nodes=2", "trainer.max_steps=3", "data.batch_size=1"]
    assert run_here(monkeypatch, tmp_path, *quick(sice, *ON_SLURM, *grid)) == 0
    sweep = tmp_path / "sweep"
    jobs = read_json(sweep / "slurm_jobs.json")
    assert len(set(jobs.values())) == 2
    for number, size in (("0", 2), ("1", 4)):
        run = sweep / number
        assert read_result(run)["state"] == "finished"
        assert sorted(file.name for file in run.glob("train*.log")) == [
            "train.log",
            *(f"train_rank_{rank}.log" for rank in range(1, size)),
        ]
        printed = [text for name, text in logs(sweep).items() if name.startswith(f"{jobs[number]}_")]
        assert len(printed) == size
        assert all(f"/{size}\n" in text for text in printed), "world size"


def test_a_requeued_job_continues(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Preempted, as submitit and clusters do it: the run goes on at the next step, and W&B has it once."""
    options = [option for option in quick(sice) if option != "logger=csv"]
    run = tmp_path / "sweep" / "0"

    code = meanwhile(
        lambda: cluster.run("scancel", "--signal=USR2", job_of(run)),
        (run / "checkpoints" / "last.ckpt").exists,
        lambda: run_here(monkeypatch, tmp_path, *options, *ON_SLURM),
    )
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "Run 0 went back into the queue" in printed
    assert len(read_json(run / "environment.json")["resumed"]) == 1
    assert run_here(monkeypatch, tmp_path, *quick(sice, "hydra.run.dir=whole/0")) == 0
    assert_same_losses(run, tmp_path / "whole" / "0")
    assert len(list((tmp_path / "sweep" / "wandb").glob("offline-run-*"))) == 1, "one folder is left to send"
    assert not (run / ".hydra_resumed").exists()


def test_preempted_on_two_nodes(cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Few steps: the order in which processes are summed up differs in the last bit, and that grows.
    two = ["trainer=ddp", "data.batch_size=1", "trainer.max_steps=60", "every_n_steps=5"]
    run = tmp_path / "sweep" / "0"

    code = meanwhile(
        lambda: cluster.run("scancel", "--signal=USR2", job_of(run)),
        (run / "checkpoints" / "last.ckpt").exists,
        lambda: run_here(
            monkeypatch, tmp_path, *quick(sice, *ON_SLURM, *two, "trainer.devices=1", "trainer.num_nodes=2")
        ),
    )
    assert code == 0
    assert len(read_json(run / "environment.json")["resumed"]) == 1
    whole = quick(sice, *two, "trainer.devices=2", "hydra.run.dir=whole/0")
    codes, printed = processes.run_on_two(tmp_path, whole)
    assert codes == [0, 0], printed
    rows, expected = read_metrics(run), read_metrics(tmp_path / "whole" / "0")
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    for name in ("train/total", *(f"{part}/{loss}" for part in ("train", "val") for loss in CompositeLoss.NAMES)):
        assert [float(row[name] or 0) for row in rows] == pytest.approx(
            [float(row[name] or 0) for row in expected], abs=1e-6
        )


def test_a_killed_job_is_failed_and_the_other_finishes(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also without sacct, by which submitit waits."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sbatch", "srun", "squeue", "scancel", "scontrol"):
        (programs / name).symlink_to(str(shutil.which(name)))
    run = tmp_path / "sweep" / "1"

    def kill() -> None:
        # The step and not the job, which scancel would ask to end in peace first.
        cluster.run(str(programs / "scancel"), "--signal=KILL", f"{job_of(run)}.0")

    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(programs))
        code = meanwhile(
            kill,
            (run / "checkpoints" / "last.ckpt").exists,
            lambda: run_here(monkeypatch, tmp_path, *quick(sice, *ON_SLURM, "trainer.max_steps=4,1000000")),
        )
    printed = capsys.readouterr().out
    assert code == 1
    assert "there is no sacct" in printed
    assert read_result(tmp_path / "sweep" / "0")["state"] == "finished"
    result = read_result(run)
    assert result["state"] == "failed"
    assert re.match(rf"SLURM job {job_of(run)} ended before the run did, state FAILED; its log: ", result["error"])
    assert Path(result["error"].partition("its log: ")[2]).is_file()
    assert result["last_step"] >= 20
    assert f"Run 1 failed: SLURM job {job_of(run)}" in printed


def test_a_cancelled_job_keeps_its_last_step(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SLURM signals all processes of a job, also W&B's own, which stops at once."""
    options = [option for option in quick(sice) if option != "logger=csv"]
    run = tmp_path / "sweep" / "0"
    code = meanwhile(
        lambda: cluster.run("scancel", job_of(run)),
        (run / "checkpoints" / "last.ckpt").exists,
        lambda: run_here(monkeypatch, tmp_path, *options, *ON_SLURM, "trainer.max_steps=1000000"),
    )
    printed = capsys.readouterr()
    assert code == 1
    result = read_result(run)
    assert result["state"] == "interrupted", result["error"]
    assert read_step(run / "checkpoints" / "last.ckpt") == result["last_step"] == len(read_metrics(run))
    assert "state CANCELLED" in result["error"]
    assert f"run 0 interrupted: SLURM job {job_of(run)} ended before the run did" in printed.err
    last = result["last_step"] + 2
    assert run_here(monkeypatch, tmp_path, "resume=sweep/0", f"trainer.max_steps={last}") == 0
    rows = wandb_rows(read_wandb(tmp_path / "sweep" / "wandb"))
    assert [row["_step"] for row in rows if "train/total" in row] == list(range(1, last + 1)), "W&B has it all"


def test_jobs_go_on_without_the_one_who_waits(cluster: Cluster, sice: Path, tmp_path: Path) -> None:
    """Ctrl-C leaves the jobs; who continues the sweep waits for the same ones, and may have them cancelled."""
    # Held, so that they only wait: on GPUs that are none.
    held = ["+hydra.launcher.additional_parameters.hold=true", "trainer.accelerator=gpu", "trainer.devices=2"]
    started = start(tmp_path, *quick(sice, *ON_SLURM, *held, "seed=1,2"))
    printed, code = interrupt(started, signal.SIGINT)
    assert code == 130, printed
    jobs = read_json(tmp_path / "sweep" / "slurm_jobs.json")
    array = jobs["0"].partition("_")[0]
    assert f"scancel {array}\n" in printed
    assert f"python -m zero_dce.review report {tmp_path / 'sweep'}" in printed
    assert "Traceback" not in printed
    assert [cluster.state(job) for job in jobs.values()] == ["PENDING", "PENDING"]
    assert "gres:gpu:2" in cluster.run("squeue", "--noheader", "--format=%b"), "though this machine has none"

    # What becomes a line of a job's script counts only where it is given again.
    again = shlex.split(printed.partition("to wait for them again: ")[2].splitlines()[0])[3:]
    assert held[0] in again
    started = start(tmp_path, *again, "hydra.launcher.cancel_on_interrupt=true")
    printed, code = interrupt(started, signal.SIGTERM)
    assert code == 143, printed
    assert "Run 1 is in the queue already" in printed
    assert "before training began" not in printed
    assert read_json(tmp_path / "sweep" / "slurm_jobs.json") == jobs
    assert [cluster.state(job) for job in jobs.values()] == ["CANCELLED", "CANCELLED"]


def start(folder: Path, *arguments: str) -> processes.Command:
    """Start the command line in a process of its own."""
    return processes.Command("zero_dce.train", arguments, folder)


def interrupt(started: processes.Command, number: int) -> tuple[str, int]:
    """Send a signal when all jobs are submitted; returns what was printed and the exit code."""
    try:
        processes.wait_for(lambda: "Run 1 is job" in started.output(), [started])
        started.send_signal(number)
        code = started.wait()
        return started.output() + started.errors(), code
    finally:
        started.kill()


def test_the_command_that_waits_again_is_not_refused(tmp_path: Path) -> None:
    """It repeats what a folder alone may not say."""
    setup, more = "hydra.launcher.setup=[module load cuda]", "+hydra.launcher.additional_parameters.exclude=node7"
    root = "data.root='${oc.env:SCRATCH}/sice'"
    plan = {"jobs": [[root, "seed=1"]], "swept": ["seed"], "overrides": [root, "seed=1,2"]}
    write_json(tmp_path / "sweep.json", {**plan, "hydra": ["hydra/launcher=slurm", setup, more]})
    command = shlex.split(resume_command(tmp_path, given=["hydra/launcher=slurm", setup, more, root, "seed=1,2"]))
    assert command[:3] == ["python", "-m", "zero_dce.train"]
    assert expand_resume(command[3:])[:5] == [root, "seed=1,2", "hydra/launcher=slurm", setup, more]
    with pytest.raises(ValueError, match="give it again"):
        expand_resume(command[3:4])


def test_resources_are_composed_once_for_runs_of_one_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[list[str]] = []
    arrays: list[tuple[int, list[int]]] = []

    def compose(_: object, overrides: list[str]) -> Any:
        composed.append(overrides)
        devices = int(overrides[1].partition("=")[2])
        return OmegaConf.create({"trainer": {"devices": devices, "accelerator": "gpu"}})

    def submit(_: object, resources: Resources, runs: list[SweepRun]) -> list[Submitted]:
        arrays.append((resources.tasks_per_node, [run.number for run in runs]))
        return []

    loader = SimpleNamespace(load_sweep_config=compose)
    launcher: Any = SimpleNamespace(hydra_context=SimpleNamespace(config_loader=loader), config=None, settings={})
    points = [[f"loss.weights.exp={exp}", f"trainer.devices={devices}"] for devices in (1, 2) for exp in (3, 10, 30)]
    write_json(tmp_path / "sweep.json", {"jobs": points, "swept": []})
    monkeypatch.setattr(launching_slurm, "_submit_array", submit)
    monkeypatch.setattr(launching_slurm, "most_in_array", lambda: 1000)
    runs = [SweepRun(number, tuple(point), tmp_path / str(number)) for number, point in enumerate(points)]
    launching_slurm._submit(launcher, tmp_path, runs, [])
    assert composed == [points[0], points[3]]
    assert arrays == [(1, [0, 1, 2]), (2, [3, 4, 5])]


@pytest.mark.parametrize(("answers", "left"), [(True, ""), (False, "2 jobs of it are in SLURM \\(no route\\)")])
def test_jobs_of_before_go_on_where_a_continued_sweep_is_refused(
    answers: bool, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while slurmctld is away: run 0 trains, and only the jobs that were just submitted are taken back."""
    cancelled: list[list[str]] = []
    runs = [SweepRun(number, (f"trainer.devices={max(1, number)}",), tmp_path / str(number)) for number in range(4)]
    write_json(tmp_path / "slurm_jobs.json", {"0": "7_0", "1": "7_1"})
    write_json(tmp_path / "sweep.json", {"jobs": [list(run.overrides) for run in runs], "swept": []})

    def submit(_: object, resources: Resources, members: list[SweepRun]) -> list[Submitted]:
        if resources.tasks_per_node == 3:
            raise RuntimeError("sbatch: error: Unable to contact slurm controller")
        return [Submitted(run, f"{8 + resources.tasks_per_node}_0", Path("log")) for run in members]

    def cancel(job_ids: list[str]) -> None:
        cancelled.append(job_ids)
        if not answers:
            raise ConnectionError("no route")

    def compose(_: object, overrides: list[str]) -> Any:
        return OmegaConf.create({"trainer": {"devices": int(overrides[0][-1]), "accelerator": "cpu"}})

    loader = SimpleNamespace(load_sweep_config=compose)
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
    settings = {"retry_failed": True, "submitit_folder": "x/%j", "cancel_on_interrupt": False}
    launcher: Any = SimpleNamespace(
        hydra_context=SimpleNamespace(config_loader=loader), config=config, settings=settings
    )
    monkeypatch.setattr(launching_slurm, "select_runs", lambda *_: (runs, runs))
    monkeypatch.setattr(launching_slurm, "why_no_accounting", lambda: None)
    monkeypatch.setattr(launching_slurm, "read_queue", lambda: {"7_0": QueuedJob("RUNNING", 0, "n1")})
    monkeypatch.setattr(launching_slurm, "_submit_array", submit)
    monkeypatch.setattr(launching_slurm, "most_in_array", lambda: 1000)
    monkeypatch.setattr(launching_slurm, "cancel", cancel)
    with pytest.raises(CompactHydraException, match=f"(?s)not submitted: sbatch: error: .* controller.?{left}"):
        launching_slurm.launch_slurm(launcher, [], 0)
    assert cancelled == [["9_0", "10_0"]]
    assert read_json(tmp_path / "slurm_jobs.json") == {"0": "7_0", "1": "9_0", "2": "10_0"}


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ({"devices": 1, "accelerator": "auto"}, Resources(1, 1, 1)),
        ({"devices": "2", "accelerator": "gpu", "num_nodes": 3}, Resources(3, 2, 2)),
        ({"devices": 4, "accelerator": "cpu"}, Resources(1, 4, 0)),
    ],
)
def test_resources(trainer: dict[str, Any], expected: Resources) -> None:
    assert Resources.of(OmegaConf.create(trainer)) == expected


@pytest.mark.parametrize("devices", ["auto", -1, 0, "0,1", [0, 1]])
def test_a_job_needs_a_number_of_devices(devices: Any) -> None:
    with pytest.raises(ValueError, match="give a whole number"):
        Resources.of(OmegaConf.create({"devices": devices, "accelerator": "auto"}))


def test_jobs_are_read_from_a_folder_that_was_not_there(tmp_path: Path) -> None:
    """Somebody else's sweep may have files there under the ids of jobs to come, which these would execute."""
    pytest.importorskip("submitit")
    launcher: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "hydra" / "launcher" / "slurm.yaml"))
    settings = {**launcher, "name": "a", "submitit_folder": str(tmp_path / ".submitit" / "%j")}
    folders = [Path(make_executor(settings, Resources(1, 1, 0)).folder) for _ in range(2)]
    assert len({*folders}) == 2
    for folder in folders:
        assert (folder.name, folder.parents[1]) == ("%j", tmp_path / ".submitit")
        assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("option", ["name", "partition", "submitit_folder"])
def test_an_option_is_one_line_of_a_jobs_script(option: str, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    launcher: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "hydra" / "launcher" / "slurm.yaml"))
    settings = {**launcher, "name": "a", "submitit_folder": str(tmp_path), option: "x\ntouch taken #"}
    with pytest.raises(ValueError, match=rf"hydra\.launcher\.{option} is 'x\\ntouch taken #'; expected no line breaks"):
        make_executor(settings, Resources(1, 1, 0))


def test_a_sweep_that_is_refused_leaves_no_job(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second kind of job asks for more CPUs than a node has; the first has been submitted by then."""
    many = quick(sice, *ON_SLURM, "trainer.devices=1,2", "hydra.launcher.cpus_per_task=3")
    assert run_here(monkeypatch, tmp_path, *many) == 1
    assert "The sweep was not submitted: sbatch: error:" in capsys.readouterr().err
    assert cluster.run("squeue", "--noheader") == ""


def test_a_sweep_by_several_tasks_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zero_dce.train", *ON_SLURM, "seed=1,2"]
    printed = cluster.run("srun", "--ntasks=2", f"--chdir={tmp_path}", *command, check=False)
    assert "was started by srun 2 times over" in printed
    assert not (tmp_path / "sweep").exists()


def test_the_script_for_sbatch(cluster: Cluster, sice: Path, tmp_path: Path) -> None:
    """Two nodes with a task each, sent back into the queue by its own signal."""
    options = [o for o in quick(sice, "data.batch_size=1") if not o.startswith(("trainer.max", "every_n_steps"))]
    options += ["trainer.max_steps=60", "every_n_steps=5"]
    small = [
        "--ntasks-per-node=1",
        "--gpus-per-node=0",
        "--cpus-per-task=1",
        "--mem=1G",
        f"--chdir={tmp_path}",
        "--parsable",
    ]
    export = f"--export=ALL,PYTHON={sys.executable},MASTER_ADDR=127.0.0.1"
    script = str(ROOT / "sweeps" / "slurm.sbatch")
    job = cluster.run("sbatch", *small, export, script, *options).strip()
    run = tmp_path / "runs" / "slurm" / job / "0"
    log = tmp_path / f"slurm-{job}.out"

    def goes_on() -> bool:
        time.sleep(0.2)
        return cluster.state(job) in ("PENDING", "RUNNING", "COMPLETING")

    while not (run / "checkpoints" / "last.ckpt").exists():
        assert goes_on(), log.read_text()[-3000:]
    cluster.run("scancel", "--signal=USR1", job)
    while goes_on():
        pass
    assert read_result(run)["state"] == "finished", log.read_text()[-3000:]
    assert [int(row["step"]) for row in read_metrics(run)] == list(range(1, 61))
    assert len(read_json(run / "environment.json")["resumed"]) == 1
    assert (run / "train_rank_1.log").is_file()
    assert not (run / ".hydra_resumed").exists()
