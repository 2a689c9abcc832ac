"""Endings are done once; errors are told in words, and with a traceback only where that helps or is asked for."""

from __future__ import annotations

import logging.config
import threading
from pathlib import Path

import pytest
from hydra.errors import InstantiationException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tests.helpers.runs import run_apart, run_fresh, tiny
from zero_dce.train.ending import (
    _tell_log_error,
    _tell_thread_error,
    at_end,
    describe_failure,
    describe_unknown,
    end,
    review_run,
)


def test_each_ending_is_carried_out_once() -> None:
    carried_out: list[str] = []
    at_end(lambda: carried_out.append("first"))
    at_end(lambda: carried_out.append("second"))
    end()
    end()
    assert sorted(carried_out) == ["first", "second"]


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    review_run(tmp_path)
    again = f"Again: python -m zero_dce.review report {tmp_path}"
    told = capsys.readouterr().out.strip()
    assert told.startswith(f"the page of {tmp_path} could not be written ({tmp_path} holds neither sweep.json nor")
    assert told.endswith(again)


@pytest.mark.slow
def test_a_run_of_a_sweep_that_is_trained_on_alone(sice: Path, tmp_path: Path) -> None:
    """Its pictures belong on the sweep's page."""
    options = [option for option in tiny(sice, "logger=csv") if not option.startswith("report_page")]
    assert run_apart(tmp_path, *options, "seed=1,2", "hydra.sweep.dir=sweep", "-m").returncode == 0
    page = tmp_path / "sweep" / "report.html"
    page.unlink()
    done = run_apart(tmp_path, "resume=sweep/0", "trainer.max_steps=6")
    assert done.returncode == 0
    assert str(page) in done.stdout
    assert "could not be written" not in done.stdout + done.stderr
    assert page.is_file()
    assert not (tmp_path / "sweep" / "0" / "report.html").exists()


def test_an_ending_that_fails_is_not_tried_again() -> None:
    at_end(lambda: pytest.fail("tried"))
    with pytest.raises(pytest.fail.Exception):
        end()
    end()


def test_unknown_options() -> None:
    assert describe_unknown("", "dat", ["data", "seed", "_target_"]) == (
        "there is no option dat: did you mean data? There are data, seed"
    )
    assert describe_unknown("loss", "zzz", ["exp"]) == "there is no option loss.zzz; there are exp"


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    error.__cause__ = cause
    return error


def test_a_log_that_cannot_be_written_is_told_with_its_file(tmp_path: Path) -> None:
    """Python's own words name neither the file nor the reason."""
    handler = {"class": "logging.FileHandler", "filename": str(tmp_path / "nothing" / "train.log")}
    with pytest.raises(ValueError, match="Unable to configure handler 'file'") as caught:
        logging.config.dictConfig({"version": 1, "handlers": {"file": handler}})
    reason = f"[Errno 2] No such file or directory: '{tmp_path}/nothing/train.log'"
    assert describe_failure(caught.value) == reason


def test_a_full_disk_under_the_log_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: logging.FileHandler) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logging.FileHandler, "handleError", _tell_log_error)
    handler = logging.FileHandler(tmp_path / "train.log")
    monkeypatch.setattr(handler, "flush", lambda: full(handler))
    handler.emit(logging.makeLogRecord({"msg": "%s is lost", "args": ("a line",)}))
    monkeypatch.undo()
    handler.close()
    assert capsys.readouterr().err == f"{tmp_path}/train.log: No space left on device: it lacks 'a line is lost'\n"


def test_what_a_thread_was_refused_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threading, "excepthook", _tell_thread_error)
    for error in (OSError(28, "No space left on device", b"events"), KeyError("a bug")):
        thread = threading.Thread(target=lambda error=error: (_ for _ in ()).throw(error))
        thread.start()
        thread.join()
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "events: No space left on device"
    assert others[-1] == "KeyError: 'a bug'", "with the places that lead to it"


def test_what_is_said() -> None:
    assert describe_failure(ValueError("no")) == "no"
    assert describe_failure(FloatingPointError()) == "FloatingPointError"
    assert describe_failure(RuntimeError("a bug")) is None
    wrapped = raised(InstantiationException("Error in call to target 'x'"), ValueError("model.size is 3"))
    assert describe_failure(wrapped) == "model.size is 3"
    assert describe_failure(raised(InstantiationException("Error"), TypeError("a bug"))) is None
    config = OmegaConf.create({"a": {"known": 1}})
    OmegaConf.set_struct(config, True)
    with pytest.raises(OmegaConfBaseException) as caught:
        config.a.knwon = 2
    assert describe_failure(raised(ValueError("x"), caught.value)) == (
        "there is no option a.knwon: did you mean a.known? There are known"
    )
    with pytest.raises(OmegaConfBaseException) as caught:
        OmegaConf.create({"a": "${b}"}).a  # noqa: B018
    assert describe_failure(caught.value) == "Interpolation key 'b' not found"


@pytest.mark.slow
def test_all_is_shown_where_asked_for(sice: Path, tmp_path: Path) -> None:
    wrong = tiny(sice, "+trainer.no_such_thing=1", "logger=csv")
    for more, environment in (([], {"HYDRA_FULL_ERROR": "1"}), (["zero_dce.debug=true"], {})):
        done = run_fresh(tmp_path, *wrong, *more, **environment)
        assert done.returncode == 1
        assert "hydra/_internal/instantiate" in done.stderr, "also Hydra's own part of the traceback"
