"""The environment variables of a run's processes."""

from __future__ import annotations

import pytest

from zero_dce.sweep.launching.environment import named_gpus, run_environments


def test_a_runs_environment_has_nothing_of_an_outer_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    outer = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "SLURM_PROCID")
    for name in outer:
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("SLURM_CONF", "kept")
    (alone,) = run_environments(1, ["4", "5"])
    assert not {*outer} & {*alone}
    assert alone["SLURM_CONF"] == "kept"
    assert alone["CUDA_VISIBLE_DEVICES"] == "4,5"
    first, second = run_environments(2, None)
    assert [rank["LOCAL_RANK"] for rank in (first, second)] == ["0", "1"]
    assert first["MASTER_PORT"] == second["MASTER_PORT"] != "7"
    assert first["WORLD_SIZE"] == "2"


def test_a_run_on_amds_gpus_sees_its_own_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """HIP reads CUDA's variable too; ROCm's own stays, because the list counts within it."""
    monkeypatch.setattr("torch.version.hip", "6.4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "4,5,6,7")
    assert named_gpus() == "0,1,2,3"
    (alone,) = run_environments(1, ["2", "3"])
    assert "CUDA_VISIBLE_DEVICES" not in alone
    assert (alone["HIP_VISIBLE_DEVICES"], alone["ROCR_VISIBLE_DEVICES"]) == ("2,3", "4,5,6,7")
    (all_of_them,) = run_environments(1, None)
    assert all_of_them["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"
