from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.data.decode import decode_square


def make(sice: Path, **options: Any) -> ExposureDataModule:
    settings = {"split": {"test_fraction": 0.2}, "val_fraction": 0.3, "size": 16, "batch_size": 4, **options}
    data = ExposureDataModule(str(sice), **settings)
    data.setup()
    return data


def test_batches(sice: Path) -> None:
    data = make(sice)
    assert data.split is not None
    batch = next(iter(data.train_dataloader()))
    assert set(batch) == {"image", "path"}, "training never sees a reference"
    assert batch["image"].shape == (4, 3, 16, 16)
    expected = torch.from_numpy(decode_square(sice / batch["path"][0], 16).copy()).permute(2, 0, 1)
    assert torch.equal(batch["image"][0], expected)
    floats = data.on_after_batch_transfer(batch, 0)
    assert torch.equal(floats["image"][0], expected / 255)
    assert floats["path"] == batch["path"]


def test_validation_batches_have_references(sice: Path) -> None:
    data = make(sice, batch_size=100)
    batch = next(iter(data.val_dataloader()))
    for path, has, reference in zip(batch["path"], batch["has_reference"], batch["reference"], strict=True):
        assert has == path.endswith(("/1.JPG", "/2.JPG"))
        if has:
            expected = decode_square(sice / Path(path).with_name("4.JPG"), 16)
            assert torch.equal(reference, torch.from_numpy(expected.copy()).permute(2, 0, 1))
    assert batch["has_reference"].any()
    assert not batch["has_reference"].all()


def test_test_images_are_in_no_loader(sice: Path) -> None:
    data = make(sice)
    assert data.split is not None
    seen = {path for loader in (data.train_dataloader(), data.val_dataloader()) for b in loader for path in b["path"]}
    assert seen == {*data.split.train, *data.split.val}
    assert not seen & {*data.split.test}
    assert len(data.split.test) == 4


def test_no_validation_side(sice: Path) -> None:
    assert make(sice, val_fraction=0.0).val_dataloader() == []


@pytest.mark.parametrize("workers", [0, 2])
def test_the_order_depends_on_seed_and_epoch_not_on_workers(sice: Path, workers: int) -> None:
    def order(seed: int, epoch: int, workers: int) -> list[str]:
        loader = make(sice, seed=seed, num_workers=workers).train_dataloader()
        loader.batch_sampler.sampler.set_epoch(epoch)
        return [path for batch in loader for path in batch["path"]]

    assert order(0, 1, workers) == order(0, 1, 0)
    assert order(0, 1, workers) != order(0, 0, 0)
    assert order(0, 1, workers) != order(1, 1, 0)


def test_the_split_does_not_follow_the_seed_of_the_run(sice: Path) -> None:
    assert make(sice, seed=1).split == make(sice, seed=2).split


def test_embedded_sample() -> None:
    data = ExposureDataModule(None, split={"method": "file", "manifest": "split.json"}, val_fraction=0, size=16)
    data.prepare_data()
    data.setup()
    assert data.split is not None
    assert all((data.root / path).is_file() for path in data.split.train)
    assert "reference" in next(iter(data.val_dataloader()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "zip"}, r"data\.layout is 'zip'; expected one of sice, folder"),
        ({"size": 8}, r"data\.size is 8; expected a whole number of at least 16"),
        ({"batch_size": 0}, r"data\.batch_size is 0"),
        ({"num_workers": -1}, r"data\.num_workers is -1"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExposureDataModule("anywhere", **options)


def test_a_corrupt_image_is_named_from_a_worker_too(tmp_path: Path) -> None:
    from tests.helpers.pictures import make_sice

    make_sice(tmp_path, 2, 2)
    for file in tmp_path.rglob("*.JPG"):
        file.write_bytes(file.read_bytes()[:400])
    for workers in (0, 1):
        data = make(tmp_path, split={"test_fraction": 0.0}, val_fraction=0, num_workers=workers)
        with pytest.raises(ValueError, match=r"cannot read .*\.JPG as an image"):
            next(iter(data.train_dataloader()))
