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


@pytest.mark.parametrize(
    ("slots", "per_run", "expected"),
    [
        (None, 1, [["0"], ["1"], ["2"], ["3"]] * 2),
        (3, 1, [["0"], ["1"], ["2"]]),
        (6, 1, [["0"], ["1"], ["2"], ["3"], ["0"], ["1"]]),
        (None, 2, [["0", "1"], ["2", "3"]] * 2),
        (None, 3, [["0", "1", "2"]] * 2),
    ],
)
def test_several_runs_share_a_gpu(slots: int | None, per_run: int, expected: list[list[str]]) -> None:
    """All GPUs are in use before one is shared."""
    assert devices.deal_out(["0", "1", "2", "3"], slots, per_run, narrow=False, runs_per_gpu=2) == expected


def test_gpus_to_share_must_be_there_and_be_enough() -> None:
    with pytest.raises(ValueError, match=r"9 runs at a time with 1 devices each need 5 GPUs, and 4 .*slots=8"):
        devices.deal_out(["0", "1", "2", "3"], 9, 1, narrow=False, runs_per_gpu=2)
    with pytest.raises(ValueError, match=r"runs_per_gpu is 2, but no GPU is visible: .* hydra\.launcher\.slots=2"):
        devices.deal_out([], None, 1, narrow=False, runs_per_gpu=2)


def test_the_cpu_needs_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert devices.visible_gpus("cpu") == []
    assert devices.deal_out([], 3, 2, narrow=True) == [None, None, None]


MIGS = ["MIG-41b3359c-e721-56e5-8009-12e5797ed514", "MIG-65b79fff-6d3c-5490-a288-b31ec705f310"]


@pytest.mark.parametrize(
    ("given", "counted", "expected"),
    [
        (None, 2, ["0", "1"]),
        ("2, 3", 2, ["2", "3"]),
        ("1,0,-1,2", 2, ["1", "0"]),
        ("0,0", 0, []),
        ("", 0, []),
        ("GPU-8932f937,GPU-9a4d9df2", 2, ["GPU-8932f937", "GPU-9a4d9df2"]),
        # CUDA shows a process the first part of a GPU only, whatever the list.
        (",".join(MIGS), 1, MIGS),
        (",".join([*MIGS, MIGS[0]]), 1, MIGS),
        (",".join(MIGS), 0, []),
    ],
)
def test_gpus_of_cudas_list(
    given: str | None, counted: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where CUDA ends a list, at -1, or rejects it, for a repetition, so does this."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: counted)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert devices.visible_gpus("auto") == expected


@pytest.mark.parametrize(
    ("variables", "counted", "expected"),
    [
        ({"HIP_VISIBLE_DEVICES": "3,1"}, 2, ["3", "1"]),
        ({"CUDA_VISIBLE_DEVICES": "2,3"}, 2, ["2", "3"]),
        ({"HIP_VISIBLE_DEVICES": "3,1", "CUDA_VISIBLE_DEVICES": "0"}, 2, ["3", "1"]),
        # The second list counts within the first.
        ({"ROCR_VISIBLE_DEVICES": "4,5,6"}, 3, ["0", "1", "2"]),
        ({"ROCR_VISIBLE_DEVICES": "4,5,6", "HIP_VISIBLE_DEVICES": "2,0"}, 2, ["2", "0"]),
    ],
)
def test_gpus_of_amds_lists(
    variables: dict[str, str], counted: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.version.hip", "6.4")
    monkeypatch.setattr("torch.cuda.device_count", lambda: counted)
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert devices.visible_gpus("auto") == expected


def test_parts_of_a_gpu_are_slots_and_not_devices_of_a_run() -> None:
    assert devices.deal_out(MIGS, None, 1, narrow=False) == [MIGS[:1], MIGS[1:]]
    with pytest.raises(ValueError, match=r"each run has 2 devices, but of 2 parts of a GPU \(MIG\) a process sees one"):
        devices.deal_out(MIGS, None, 2, narrow=False)
