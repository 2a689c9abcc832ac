from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch

from tests.helpers.garbage import is_freed_at_once
from tests.helpers.pictures import make_picture, make_sice
from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_square


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


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_the_order_depends_on_seed_and_epoch_not_on_workers(sice: Path, workers: int) -> None:
    def order(seed: int, epoch: int, workers: int) -> list[str]:
        loader = make(sice, seed=seed, num_workers=workers, cache="none").train_dataloader()
        assert loader.num_workers == workers
        loader.epoch = epoch
        return [path for batch in loader for path in batch["path"]]

    assert order(0, 1, workers) == order(0, 1, 0)
    assert order(0, 1, workers) != order(0, 0, 0)
    assert order(0, 1, workers) != order(1, 1, 0)


def test_what_its_maker_had_is_freed_at_once(sice: Path) -> None:
    """A loader that waits for the garbage collector waits for its workers too."""
    assert is_freed_at_once(lambda: make(sice, cache="none").train_dataloader())


def test_the_split_does_not_follow_the_seed_of_the_run(sice: Path) -> None:
    assert make(sice, seed=1).split == make(sice, seed=2).split


@pytest.mark.slow
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


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_breaks_after_the_check_is_named_from_a_worker_too(workers: int, tmp_path: Path) -> None:
    make_sice(tmp_path, 2, 2)
    data = make(tmp_path, split={"test_fraction": 0.0}, val_fraction=0, num_workers=workers, cache="none")
    for file in tmp_path.rglob("*.JPG"):
        file.write_bytes(file.read_bytes()[:400])
    with pytest.raises(ImageReadError, match=r"^cannot read .*\.JPG as an image: .*Repair it or take it out"):
        next(iter(data.train_dataloader()))


def everything(data: ExposureDataModule) -> list[tuple[list[str], torch.Tensor, torch.Tensor]]:
    """Two epochs of training, then validation: paths, pixels and references."""
    batches = []
    loader = data.train_dataloader()
    for _ in range(2):
        batches += list(loader)
    return [(b["path"], b["image"].clone(), b.get("reference")) for b in [*batches, *data.val_dataloader()]]


ALL_CHANGES = {"crop": 1.25, "flip": True, "flip_vertical": True, "exposure_ev": 1.0}


@pytest.mark.parametrize("augment", [{}, ALL_CHANGES], ids=["published", "augmented"])
def test_every_cache_and_number_of_workers_gives_the_same(
    augment: dict[str, Any], sice: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZERO_DCE_CACHE", str(tmp_path))
    expected = everything(make(sice, cache="none", augment=augment))
    for options in ({"cache": "none", "num_workers": 2}, {"cache": "disk"}, {"cache": "memory"}, {"cache": "device"}):
        got = everything(make(sice, augment=augment, **options))
        assert [paths for paths, *_ in got] == [paths for paths, *_ in expected]
        for (_, image, reference), (_, expected_image, expected_reference) in zip(got, expected, strict=True):
            assert torch.equal(image, expected_image)
            assert reference is expected_reference or torch.equal(reference, expected_reference)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_device_cache_lies_on_the_gpu(sice: Path) -> None:
    data = make(sice, cache="device")
    data.trainer = L.Trainer(accelerator="gpu", devices=1, logger=False, enable_checkpointing=False)
    batch = next(iter(data.train_dataloader()))
    assert batch["image"].device.type == "cuda"
    path, image = batch["path"][0], batch["image"][0].cpu()
    assert torch.equal(image, torch.from_numpy(decode_square(sice / path, 16).copy()).permute(2, 0, 1))


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["none", "disk"])
def test_processes_see_every_image_once_an_epoch(cache: str, sice: Path) -> None:
    data = make(sice, cache=cache, split={"test_fraction": 0.0}, val_fraction=0)
    data.setup()
    seen = []
    for rank in (0, 1):
        data.trainer = SimpleNamespace(  # type: ignore[assignment]
            world_size=2, global_rank=rank, strategy=SimpleNamespace(root_device=torch.device("cpu"))
        )
        seen += [path for batch in data.train_dataloader() for path in batch["path"]]
    assert sorted(seen) == sorted(data.split.train)  # type: ignore[union-attr]


def test_a_data_set_with_nothing_left(tmp_path: Path) -> None:
    make_sice(tmp_path, 2, 1)
    for file in tmp_path.rglob("*.JPG"):
        file.write_text("x")
    with pytest.raises(ValueError, match=r"of .* no image is left for training: 2 cannot be used"):
        make(tmp_path, on_bad="skip", split={"test_fraction": 0.0}, val_fraction=0)


def test_a_manifest_that_names_a_label_or_what_is_not_there(tmp_path: Path) -> None:
    make_sice(tmp_path, scenes=2, frames=2)
    label = tmp_path / "Dataset_Part1" / "Label" / "1.JPG"
    label.parent.mkdir()
    make_picture(0, 0.5).save(label)
    listed = ["Dataset_Part1/1/1.JPG", "Dataset_Part1/Label/1.JPG", "Dataset_Part1/9/9.JPG"]
    (tmp_path / "split.json").write_text(json.dumps({"train": listed, "val": [], "test": ["Dataset_Part1/1/2.JPG"]}))
    options = {"split": {"method": "file", "manifest": "split.json"}, "val_fraction": 0}
    with pytest.raises(ValueError, match=r"(?s)2 files of .*Label/1\.JPG +named by the manifest, but no image"):
        make(tmp_path, **options)
    data = make(tmp_path, **options, on_bad="skip")
    assert data.split is not None
    assert data.split.train == listed[:1]
    assert set(data.left_out) == {*listed[1:]}


def test_labels_serve_validation_and_never_training(tmp_path: Path) -> None:
    make_sice(tmp_path, scenes=4, frames=3)
    (tmp_path / "pairs.csv").unlink()
    labels = tmp_path / "Dataset_Part1" / "Label"
    labels.mkdir()
    for scene in (1, 2, 3, 4):
        make_picture(scene, 0.5).save(labels / f"{scene}.JPG", quality=95)
    data = make(tmp_path, split={"test_fraction": 0.0}, val_fraction=0.5, batch_size=100)
    assert data.split is not None
    batch = next(iter(data.val_dataloader()))
    dark = [path.endswith("/1.JPG") for path in batch["path"]]
    assert batch["has_reference"].tolist() == dark, "only the first frame of a scene is dark"
    for path, has, reference in zip(batch["path"], dark, batch["reference"], strict=True):
        if has:
            expected = decode_square(labels / f"{path.split('/')[1]}.JPG", 16)
            assert torch.equal(reference, torch.from_numpy(expected.copy()).permute(2, 0, 1))
    assert not [path for path in (*data.split.train, *data.split.val) if "Label" in path]
    assert set(next(iter(data.train_dataloader()))) == {"image", "path"}


def test_only_well_exposed_frames_are_restored(sice: Path) -> None:
    """By their brightness alone, and of the training side alone."""
    data = make(sice, batch_size=2, augment={"restore": True})
    assert data.split is not None
    batches = list(data.train_dataloader())
    seen = {path for batch in batches for path in batch["path"]}
    assert seen
    assert seen <= {path for path in data.split.train if 0.36 <= data.brightness[path] <= 0.56}
    batch = data.on_after_batch_transfer(batches[0], 0)
    assert set(batch) == {"image", "clean", "path"}
    assert batch["clean"].max() <= 1
    assert "clean" not in next(iter(data.val_dataloader()))
    with pytest.raises(ValueError, match=r"needs well exposed frames.* training images are, and a batch takes 99"):
        make(sice, batch_size=99, augment={"restore": True}).train_dataloader()
