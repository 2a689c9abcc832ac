from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.sweeps import SweepMaker, make_pictures
from zero_dce.review.cells import CellReader
from zero_dce.review.collect import ReviewPlan, find_plan
from zero_dce.review.watched import WatchedRun

LONG_AGO = time.time() - 3600


@pytest.fixture
def maker(tmp_path: Path) -> SweepMaker:
    maker = SweepMaker(tmp_path / "sweep", [{"exp": 3}, {"exp": 10}], make_pictures(2))
    maker.run(0, [0, 10], state=None)
    return maker


@pytest.fixture
def plan(maker: SweepMaker) -> ReviewPlan:
    return find_plan(maker.folder)


class CountingReader(CellReader):
    """Notes which pictures are read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_now: list[tuple[int, str]] = []

    def read_cell(self, *place: Any) -> Any:
        self.read_now.append((place[1], place[2].number))
        return super().read_cell(*place)

    def take(self) -> list[tuple[int, str]]:
        done, self.read_now = sorted(self.read_now), []
        return done


@pytest.fixture
def reader() -> CountingReader:
    return CountingReader()


@pytest.fixture
def watched(maker: SweepMaker, reader: CountingReader) -> WatchedRun:
    return WatchedRun(0, maker.folder / "0", maker.folder, reader)


def settle(folder: Path) -> None:
    """Let all that is there have been written an hour ago."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (LONG_AGO, LONG_AGO))


def test_a_run_is_read_again_only_after_a_change(
    maker: SweepMaker, plan: ReviewPlan, watched: WatchedRun, reader: CountingReader
) -> None:
    settle(maker.folder)
    assert watched.look(plan)
    assert watched.read_pictures()
    assert reader.take() == [(0, "00"), (0, "01"), (10, "00"), (10, "01")]
    assert not watched.look(plan)
    assert not watched.read_pictures()
    maker.run(0, [0, 10, 20], state=None)
    assert watched.look(plan)
    assert watched.read_pictures()
    assert reader.take() == [(20, "00"), (20, "01")], "a thumbnail is made once"
    described = watched.describe(None, single=False)
    assert (described["steps"], described["step"], described["state"]) == ([0, 10, 20], 20, "unfinished")
    assert set(described["cells"][20]) == {"00", "01"}


@pytest.mark.parametrize(
    "change",
    [
        lambda run: (run / "metrics.csv").write_text("step,train/total\n1,0.5\n"),
        lambda run: (run / "result.json").write_text(
            '{"state": "failed", "last_step": 3, "measures": {}, "weights": null}'
        ),
        lambda run: (run / ".hydra" / "config.yaml").unlink(),
        lambda run: (run / "checkpoints" / "step-000010.ckpt").unlink(),
        lambda run: (run / "samples" / "step-000010" / "01_output.png").unlink(),
        lambda run: (run / "samples" / "step-000030").mkdir(),
    ],
)
def test_what_counts_as_a_change(maker: SweepMaker, plan: ReviewPlan, watched: WatchedRun, change: Any) -> None:
    settle(maker.folder)
    watched.look(plan)
    change(maker.folder / "0")
    assert watched.look(plan)


def test_what_was_written_just_now_is_read_once_more(
    maker: SweepMaker, plan: ReviewPlan, watched: WatchedRun, reader: CountingReader
) -> None:
    assert watched.look(plan)
    assert watched.look(plan), "a further change could bear the same time"
    watched.read_pictures()
    settle(maker.folder)
    watched.look(plan)
    assert not watched.look(plan)


def test_a_changed_picture_is_read_again_and_has_another_version(
    maker: SweepMaker, plan: ReviewPlan, watched: WatchedRun, reader: CountingReader
) -> None:
    settle(maker.folder)
    watched.look(plan)
    watched.read_pictures()
    reader.take()
    before = watched.describe(None, single=False)["cells"][10]
    folder = maker.folder / "0" / "samples" / "step-000010"
    (folder / "00_output.png").unlink()
    shutil.copy(folder / "01_output.png", folder / "00_output.png")
    watched.look(plan)
    watched.read_pictures()
    assert reader.take() == [(10, "00")]
    after = watched.describe(None, single=False)["cells"][10]
    assert after["00"]["version"] != before["00"]["version"]
    assert after["01"] == before["01"]


def test_half_a_picture_is_tried_again(
    maker: SweepMaker, plan: ReviewPlan, watched: WatchedRun, reader: CountingReader
) -> None:
    file = maker.folder / "0" / "samples" / "step-000010" / "00_output.png"
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[:500])
    settle(maker.folder)
    watched.look(plan)
    watched.read_pictures()
    reader.take()
    assert "broken" in watched.describe(None, single=False)["cells"][10]["00"]
    assert watched.thumbnail(10, "00") is None
    # Written in place, it leaves no sign on its folder.
    with file.open("ab") as stream:
        stream.write(whole[500:])
    os.utime(file.parent, (LONG_AGO, LONG_AGO))
    watched.look(plan)
    assert watched.read_pictures()
    assert reader.take() == [(10, "00")]
    assert "broken" not in watched.describe(None, single=False)["cells"][10]["00"]
    assert (watched.thumbnail(10, "00") or b"").startswith(b"RIFF")


def test_pictures_that_were_not_read_yet_say_so(plan: ReviewPlan, watched: WatchedRun) -> None:
    watched.look(plan)
    assert watched.describe(None, single=False)["cells"][10]["01"] == {"broken": "this picture is being read"}


def test_pictures_that_went_are_forgotten(maker: SweepMaker, plan: ReviewPlan, watched: WatchedRun) -> None:
    watched.look(plan)
    watched.read_pictures()
    assert watched.picture("samples/step-000010/00_output.png")
    shutil.rmtree(maker.folder / "0" / "samples" / "step-000010")
    watched.look(plan)
    assert watched.read_pictures()
    assert watched.describe(None, single=False)["cells"].keys() == {0}
    assert watched.picture("samples/step-000010/00_output.png") is None
    assert watched.thumbnail(10, "00") is None


def test_links_that_lead_out_are_not_followed(
    maker: SweepMaker, plan: ReviewPlan, watched: WatchedRun, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    make_pictures(1)[0].save(secret)
    folder = maker.folder / "0" / "samples" / "step-000010"
    for name in ("00_output.png", "01_input.png"):
        (folder / name).unlink()
        (folder / name).symlink_to(secret)
    watched.look(plan)
    watched.read_pictures()
    cells = watched.describe(None, single=False)["cells"][10]
    assert cells.keys() == {"01"}
    assert cells["01"]["sides"] == ["output", "curves"]
    for name in ("00_output.png", "01_input.png"):
        assert watched.picture(f"samples/step-000010/{name}") is None
    # One that became a link after it was read.
    (folder / "01_output.png").unlink()
    (folder / "01_output.png").symlink_to(secret)
    assert watched.picture("samples/step-000010/01_output.png") is None


def test_a_run_that_leads_out_is_refused(maker: SweepMaker, plan: ReviewPlan, tmp_path: Path) -> None:
    elsewhere = (maker.folder / "0").rename(tmp_path / "elsewhere")
    (maker.folder / "0").symlink_to(elsewhere)
    watched = WatchedRun(0, maker.folder / "0", maker.folder, CellReader())
    with pytest.raises(ValueError, match=r"run 0 is not shown: .*sweep/0 leads out of .*sweep"):
        watched.look(plan)
