"""The number of processes that devices mean, and GPUs dealt out to slots."""

from __future__ import annotations

import pytest

from zero_dce.sweep.launching import devices


@pytest.mark.parametrize(
    ("value", "gpus", "count"),
    [(2, 0, 2), ("2", 4, 2), ("auto", 0, 1), ("auto", 4, 4), (-1, 3, 3), ("0,3", 4, 2), ([1], 2, 1)],
)
def test_how_many_processes_devices_mean(value: object, gpus: int, count: int) -> None:
    assert devices.count_processes(value, gpus) == count


@pytest.mark.parametrize("value", ["two", 0, -2, [], None, "1,x"])
def test_devices_that_mean_nothing(value: object) -> None:
    with pytest.raises(ValueError, match=r"trainer\.devices is"):
        devices.count_processes(value, 2)


@pytest.mark.parametrize(
    ("slots", "per_run", "narrow", "expected"),
    [
        (None, 1, False, [["a"], ["b"], ["c"], ["d"]]),
        (None, 2, True, [["a", "b"], ["c", "d"]]),
        (None, 3, True, [["a", "b", "c"]]),
        (None, 3, False, [None]),
        (1, 4, False, [None]),
        (3, 1, False, [["a"], ["b"], ["c"]]),
    ],
)
def test_gpus_are_dealt_out(
    slots: int | None, per_run: int, narrow: bool, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b,c,d")
    gpus = devices.visible_gpus("auto")
    assert devices.deal_out(gpus, slots, per_run, narrow) == expected


def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(ValueError, match=r"need 6 GPUs, and 4 are visible: give hydra\.launcher\.slots=2"):
        devices.deal_out(["0", "1", "2", "3"], 3, 2, narrow=False)
    with pytest.raises(ValueError, match=r"need 8 GPUs, and 4"):
        devices.deal_out(["0", "1", "2", "3"], None, 8, narrow=True)


def test_the_cpu_needs_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert devices.visible_gpus("cpu") == []
    assert devices.deal_out([], 3, 2, narrow=True) == [None, None, None]
