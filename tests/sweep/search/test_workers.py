"""Which workers of a search are alive."""

from __future__ import annotations

from pathlib import Path

from zero_dce.sweep.search.workers import Worker


def test_a_worker_is_alive_as_long_as_it_holds_its_lock(tmp_path: Path) -> None:
    with Worker(tmp_path) as here:
        with Worker(tmp_path) as there:
            assert here.is_alive(here.name)
            assert here.is_alive(there.name)
            assert there.is_alive(here.name)
        assert not here.is_alive(there.name)
        # A worker that was killed leaves its file, which nobody holds.
        left = tmp_path / "optuna" / "worker-killed.lock"
        left.touch()
        assert not here.is_alive("killed")
        assert not left.exists()
    assert [file.name for file in (tmp_path / "optuna").iterdir()] == ["lock"], "that of the folder itself"


def test_locks_of_killed_workers_go_when_another_one_begins(tmp_path: Path) -> None:
    with Worker(tmp_path) as here:
        left = tmp_path / "optuna" / "worker-node-4711-0123abcd.lock"
        left.touch()
        with Worker(tmp_path) as there:
            assert not left.exists()
            assert there.is_alive(here.name)
            names = {here.name, there.name}
            assert {file.name for file in left.parent.glob("worker-*")} == {f"worker-{name}.lock" for name in names}
