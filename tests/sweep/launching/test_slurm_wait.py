"""Waiting for jobs that end, get lost or are interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.runs import read_result
from zero_dce.files import write_json
from zero_dce.sweep.launching import slurm_wait
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.slurm_queue import QueuedJob
from zero_dce.sweep.launching.slurm_wait import Submitted, wait_for


def test_slurm_that_does_not_answer_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One run writes its result meanwhile, the other is lost, but only by a queue that was seen without it."""
    running = {"7_0": QueuedJob("RUNNING", 0, "n1"), "7_1": QueuedJob("RUNNING", 0, "n1")}
    answers = iter([running, None, None, None, None, {"7_1": QueuedJob("TIMEOUT", 0, "n1")}, {}])
    jobs = [Submitted(SweepRun(number, (), tmp_path / str(number)), f"7_{number}", Path("log")) for number in range(2)]

    def answer() -> dict[str, QueuedJob]:
        queue = next(answers)
        if queue is None:
            write_json(tmp_path / "0" / "result.json", {"state": "finished", "error": None})
            raise ConnectionError("no route")
        return queue

    (tmp_path / "0").mkdir()
    monkeypatch.setattr(slurm_wait, "read_queue", answer)
    monkeypatch.setattr(slurm_wait, "SECONDS_BETWEEN_LOOKS", 0)
    with caplog.at_level("INFO", slurm_wait.__name__):
        wait_for(jobs, accounting=False)
    assert [job.run.job_return().status.name for job in jobs] == ["COMPLETED", "FAILED"]
    assert "state TIMEOUT (hydra.launcher.timeout_min" in read_result(tmp_path / "1")["error"]
    assert [record.message for record in caplog.records if "nswer" in record.message] == [
        "SLURM does not answer (no route); 2 runs are waited for all the same",
        "SLURM answers again",
    ]


def test_results_are_looked_for_where_a_job_may_have_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each of a thousand waiting jobs, which ask a shared disk for nothing."""
    states = ["PENDING", "PENDING", "RUNNING", "COMPLETED"]
    answers = iter([{"7": QueuedJob(state, 0, "")} for state in states])
    looks: list[str] = []

    def answer() -> dict[str, QueuedJob]:
        queue = next(answers)
        looks.append(queue["7"].state)
        return queue

    def look(run: Path) -> int | None:
        looks.append("result")
        if looks[-2] == "COMPLETED":
            write_json(run / "result.json", {"state": "finished", "error": None})
            return 1
        return None

    monkeypatch.setattr(slurm_wait, "read_queue", answer)
    monkeypatch.setattr(slurm_wait, "result_time", look)
    monkeypatch.setattr(slurm_wait, "SECONDS_BETWEEN_LOOKS", 0)
    (tmp_path / "0").mkdir()
    wait_for([Submitted(SweepRun(0, (), tmp_path / "0"), "7", Path("log"))], accounting=False)
    assert looks == ["PENDING", "PENDING", "RUNNING", "result", "COMPLETED", "result"]


def test_an_interrupted_run_whose_job_is_gone_stays_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm_wait, "read_queue", dict)
    monkeypatch.setattr(slurm_wait, "SECONDS_BETWEEN_LOOKS", 0)
    (tmp_path / "0").mkdir()
    job = Submitted(SweepRun(0, (), tmp_path / "0"), "7", Path("log"))
    write_json(tmp_path / "0" / "result.json", {"state": "interrupted", "error": None, "last_step": 5})
    wait_for([job], accounting=False)
    result = read_result(tmp_path / "0")
    assert (result["state"], result["last_step"]) == ("interrupted", 5)
    assert "SLURM job 7 ended before the run did, state not known" in result["error"]


def test_a_run_that_failed_and_whose_job_is_requeued_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM ends the job with one of its processes killed, of which the first one writes an error."""
    (tmp_path / "0").mkdir()
    states = iter(["RUNNING", "COMPLETING", None, "PENDING", "RUNNING", "COMPLETED"])
    results = {"COMPLETING": "failed", "COMPLETED": "finished"}
    seen: list[bool] = []
    job = Submitted(SweepRun(0, (), tmp_path / "0"), "7", Path("log"))

    def answer() -> dict[str, QueuedJob]:
        seen.append(job.ended)
        state = next(states)
        if state is None:
            raise ConnectionError("no route")
        if state in results:
            write_json(tmp_path / "0" / "result.json", {"state": results[state], "error": None})
        return {"7": QueuedJob(state, 0, "n1")}

    monkeypatch.setattr(slurm_wait, "read_queue", answer)
    monkeypatch.setattr(slurm_wait, "SECONDS_BETWEEN_LOOKS", 0)
    wait_for([job], accounting=False)
    assert job.ended
    assert seen == [False] * 6
    assert read_result(tmp_path / "0")["state"] == "finished"


@pytest.mark.parametrize("queue", [{"7": QueuedJob("FAILED", 0, "n1")}, {}])
def test_a_run_that_failed_has_ended_with_its_job(
    queue: dict[str, QueuedJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0").mkdir()
    write_json(tmp_path / "0" / "result.json", {"state": "failed", "error": "no"})
    monkeypatch.setattr(slurm_wait, "read_queue", lambda: queue)
    monkeypatch.setattr(slurm_wait, "SECONDS_BETWEEN_LOOKS", 0)
    wait_for([Submitted(SweepRun(0, (), tmp_path / "0"), "7", Path("log"))], accounting=False)
    assert read_result(tmp_path / "0")["error"] == "no"
