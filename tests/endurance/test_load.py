"""Many at once, and much: small counts of what ``python -m tests.endurance.load`` does with large ones."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.endurance import load
from tests.endurance.load_cache import builder_faults
from tests.endurance.load_pictures import PictureFolder, again_faults, enhance, enhanced_faults
from tests.endurance.load_sweeps import (
    HERE,
    LOCAL,
    ON_SLURM,
    make_finished,
    one_cache_faults,
    one_folder_faults,
    sweep_faults,
    watch_sweep,
)
from tests.endurance.load_watch import Look, Watched
from tests.helpers.runs import run_here, tiny
from tests.helpers.slurm import running_cluster, why_not
from zero_dce.review import report
from zero_dce.review.live import LiveSweep
from zero_dce.review.watched import WatchedRun
from zero_dce.sweep.end import finish_sweep
from zero_dce.sweep.launching import local


def test_growth_is_seen() -> None:
    steady = Watched([Look(done, 500.0 + done % 3, 4) for done in range(100)])
    assert not list(steady.growth(100))
    leaking = Watched([Look(done, 500.0 + done, 4 + done // 10) for done in range(100)])
    assert list(leaking.growth(100)) == [
        "its memory grew by 79 MB from piece 20 to 99",
        "it had at most 8 files open in the first half, and 13 in the second",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [HERE, LOCAL], ids=["here", "local"])
def test_a_launcher_does_not_grow(launcher: tuple[str, ...], tmp_path: Path) -> None:
    runs = 30 if launcher == HERE else 12
    watched = watch_sweep(tmp_path, runs, launcher)
    assert watched.code == 0, (tmp_path / "printed.txt").read_text()[-2000:]
    assert [*sweep_faults(tmp_path / "sweep", runs), *watched.growth(runs)] == []


@pytest.mark.slurm
@pytest.mark.slow
def test_a_launcher_of_jobs_does_not_grow(tmp_path: Path) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with running_cluster() as cluster:
        watched = watch_sweep(tmp_path, 8, ON_SLURM, cluster)
    assert watched.code == 0, (tmp_path / "printed.txt").read_text()[-2000:]
    assert [*sweep_faults(tmp_path / "sweep", 8), *watched.growth(8)] == []


@pytest.mark.slow
def test_one_of_several_launchers_runs_a_sweep(tmp_path: Path) -> None:
    assert list(one_folder_faults(tmp_path, launchers=6, runs=2)) == []


@pytest.mark.slow
def test_launchers_share_a_cache(tmp_path: Path) -> None:
    assert list(one_cache_faults(tmp_path, launchers=4, runs=1)) == []


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_one_of_several_processes_builds_a_cache(killed: bool, tmp_path: Path) -> None:
    assert list(builder_faults(tmp_path, builders=4, killed=killed)) == []


@pytest.mark.slow
def test_a_folder_of_pictures(tmp_path: Path) -> None:
    """With bad ones of each kind; again it is refused, or does the bad ones only."""
    made = PictureFolder(tmp_path / "pictures", 200)
    watched, errors = enhance(made, tmp_path / "out", "--backend", "torch")
    assert list(enhanced_faults(made, tmp_path / "out", watched.code, errors)) == []
    assert list(watched.growth(len(made.good))) == []
    assert list(again_faults(made, tmp_path / "out")) == []


def test_the_end_of_a_sweep_reads_each_file_as_often_whatever_the_number_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contact sheet is left out: it is for few runs."""
    monkeypatch.setattr("zero_dce.sweep.end.write_contact_sheet", lambda *_: None)
    opened: Counter[str] = Counter()
    watching = [True]

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if watching[0] and event == "open" and str(arguments[0]).startswith(str(tmp_path)):
            opened[Path(str(arguments[0])).name] += 1

    folders = [make_finished(tmp_path / str(runs), runs) for runs in (4, 12)]
    sys.addaudithook(count)
    found = []
    for folder in folders:
        opened.clear()
        finish_sweep(folder, in_turn=True)
        found.append(Counter(opened))
    watching[0] = False
    few, many = found
    assert few["result.json"] == 4 * 2, "the table's, and the page's"
    assert few["sweep.json"] == many["sweep.json"]
    of_runs = ("result.json", "metrics.csv", "config.yaml", "overrides.yaml", "00_output.png")
    assert {name: many[name] for name in of_runs} == {name: 3 * few[name] for name in of_runs}


def test_the_page_grows_with_its_runs_alone(tmp_path: Path) -> None:
    """Bytes a run, measured between 4, 12 and 20 runs."""
    sizes = [report.write_report(make_finished(tmp_path / str(runs), runs)).stat().st_size for runs in (4, 12, 20)]
    assert sizes[2] - sizes[1] == pytest.approx(sizes[1] - sizes[0], rel=0.05)


def test_a_served_page_describes_each_run_as_often_whatever_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First for its numbers, then for its pictures."""
    described, describe = [], WatchedRun.describe

    def count(watched: WatchedRun, *arguments: Any, **options: Any) -> dict[str, Any]:
        described.append(watched.number)
        return describe(watched, *arguments, **options)

    monkeypatch.setattr(WatchedRun, "describe", count)
    live = LiveSweep(make_finished(tmp_path / "sweep", 12))
    live.look()
    assert Counter(described) == dict.fromkeys(range(12), 2)
    assert all(run["cells"][2]["00"]["size"] for run in live.content()["runs"])


@pytest.mark.slow
@pytest.mark.usefixtures("not_estimated")
def test_a_run_that_has_ended_leaves_no_configuration_in_memory(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra's own launcher keeps two of each run, a third of a megabyte."""
    launched: list[Any] = []

    def keep(launcher: Any, *arguments: Any) -> Any:
        launched.extend(launch(launcher, *arguments))
        return launched

    launch = local.launch_local
    monkeypatch.setattr(local, "launch_local", keep)
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "seed=1,2", "logger=csv", "trainer.max_steps=2", "-m")) == 0
    assert [(ended.cfg, ended.hydra_cfg) for ended in launched] == [(None, None)] * 2


def test_the_table_keeps_rows_of_other_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "TABLE", tmp_path / "load.md")
    load.write_table({"builders": load.Outcome(10, "ten"), "pictures": load.Outcome(3, "few", ["one"])}, "a")
    load.write_table({"builders": load.Outcome(10, "again")}, "b")
    rows = load.read_rows()
    assert list(rows) == ["builders", "pictures"]
    assert "| 10 | 10 | again |" in rows["builders"]
    assert "| 3 | 2 | few |" in rows["pictures"]
