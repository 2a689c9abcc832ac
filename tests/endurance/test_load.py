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
    make_finished,
    one_cache_faults,
    one_folder_faults,
    sweep_faults,
    watch_sweep,
)
from tests.endurance.load_watch import PICTURES, RUNS, Look, Watched
from tests.helpers.runs import run_here, tiny
from zero_dce.review import report
from zero_dce.review.live import LiveSweep
from zero_dce.review.watched import WatchedRun
from zero_dce.sweep.end import finish_sweep
from zero_dce.sweep.launching import local

# The fewest with which a growth of what a run or a picture leaves is more than noise.
SAMPLE_RUNS, SAMPLE_PICTURES = 12, 400


def test_growth_is_seen() -> None:
    steady = Watched([Look(done, 500.0 + done % 3, 4) for done in range(100)])
    assert not list(steady.growth(100, RUNS))
    leaking = Watched([Look(done, 500.0 + 0.33 * done, 4 + done // 10) for done in range(100)])
    assert list(leaking.growth(100, RUNS)) == [
        "its memory grew by 19.8 MB in 60 pieces of work",
        "it had 6 files open in its second fifth, and 12 in its last",
    ]


def test_a_file_that_is_open_for_a_moment_is_no_growth() -> None:
    looks = [Look(done, 500.0, 20 if done == 90 else 4) for done in range(100)]
    assert not list(Watched(looks).growth(100, RUNS))


def test_a_small_growth_is_seen_in_a_sample() -> None:
    """A third of a megabyte a run, as with Hydra's own launcher, and the pixels of small pictures."""
    runs = Watched([Look(done, 500.0 + 0.33 * done, 4) for done in range(SAMPLE_RUNS)])
    assert list(runs.growth(SAMPLE_RUNS, RUNS)) == ["its memory grew by 2.3 MB in 7 pieces of work"]
    pictures = Watched([Look(done, 500.0 + 0.0576 * done, 4) for done in range(SAMPLE_PICTURES)])
    assert len([*pictures.growth(SAMPLE_PICTURES, PICTURES)]) == 1


def test_what_was_not_seen_is_told() -> None:
    """As where the process ended in the middle of its work."""
    looks = [Look(done, 500.0, 4) for done in range(100)]
    assert list(Watched(looks[:70]).growth(100, RUNS)) == ["not seen near its end"]
    assert list(Watched(looks[50:]).growth(100, RUNS)) == ["not seen in its second fifth"]
    assert Watched(looks[:70]).figures([10, 100]).startswith("500 MB after 10; ")


def test_runs_that_were_not_trained_do_not_pass(tmp_path: Path) -> None:
    make_finished(tmp_path / "sweep", 3)
    for run in ("1", "2"):
        (tmp_path / "sweep" / run / "result.json").unlink()
    outcome = load.Outcome(3, faults=["the launcher ended with -9"])
    outcome.count(sweep_faults(tmp_path / "sweep", 3))
    assert (outcome.passed, len(outcome.faults)) == (1, 3)


@pytest.mark.slow
def test_a_launcher_does_not_grow(tmp_path: Path) -> None:
    watched = watch_sweep(tmp_path, SAMPLE_RUNS, HERE)
    assert watched.code == 0, (tmp_path / "printed.txt").read_text()[-2000:]
    assert [*sweep_faults(tmp_path / "sweep", SAMPLE_RUNS), *watched.growth(SAMPLE_RUNS, RUNS)] == []


@pytest.mark.slow
def test_one_of_several_launchers_runs_a_sweep(tmp_path: Path) -> None:
    assert list(one_folder_faults(tmp_path, launchers=3, runs=1)) == []


@pytest.mark.slow
def test_launchers_share_a_cache(tmp_path: Path) -> None:
    assert list(one_cache_faults(tmp_path, launchers=2, runs=1)) == []


@pytest.mark.slow
def test_one_of_several_processes_builds_a_cache(tmp_path: Path) -> None:
    """The first one is killed."""
    assert list(builder_faults(tmp_path, builders=3, killed=True)) == []


@pytest.mark.slow
def test_a_folder_of_pictures(tmp_path: Path) -> None:
    """With bad ones of each kind; again it is refused, or does the bad ones only.

    The quickest backend holds its memory for all pictures, so that growth is seen; PyTorch takes it anew for each one.
    """
    made = PictureFolder(tmp_path / "pictures", SAMPLE_PICTURES, one_in=SAMPLE_PICTURES // 4)
    assert len(made.bad) == 4
    watched, errors = enhance(made, tmp_path / "out")
    assert list(enhanced_faults(made, tmp_path / "out", watched.code, errors)) == []
    assert list(watched.growth(len(made.good), PICTURES)) == []
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
    # The command that trains one of the runs on.
    few["overrides.yaml"] -= 1
    many["overrides.yaml"] -= 1
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
    load.write_table({"builders": load.Outcome(10, 10, "ten"), "pictures": load.Outcome(3, 1, "few", ["one"])}, "a")
    load.write_table({"builders": load.Outcome(10, 10, "again")}, "b")
    rows = load.read_rows()
    assert list(rows) == ["builders", "pictures"]
    assert "| 10 | 10 | again |" in rows["builders"]
    assert "| 3 | 1 | few; WRONG: one |" in rows["pictures"]
