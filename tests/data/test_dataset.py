from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.pictures import make_picture
from zero_dce.data.augment import Augmentation
from zero_dce.data.dataset import DecodingPictures, Fit, PictureDataset


def picture_of(path: str) -> torch.Tensor:
    """A picture of 6 x 4 pixels whose values say its path and column."""
    columns = torch.arange(6, dtype=torch.uint8) + 10 * int(path)
    return columns[None, :, None].expand(4, 6, 3)


def test_sizes() -> None:
    assert Fit(64)(300, 20) == (64, 64)
    assert Fit(64, crop=1.25)(300, 200) == (120, 80), "the shorter side has room for a crop"
    assert Fit(64, crop=1)(20, 160) == (64, 512)
    with pytest.raises(ValueError, match="20 x 161 pixels, too long"):
        Fit(64, crop=1)(20, 161)


def test_files_are_decoded_at_this_size(tmp_path: Path) -> None:
    make_picture(0, 0.5, width=48, height=32).save(tmp_path / "a.png")
    picture = DecodingPictures(tmp_path, Fit(16, crop=1))("a.png")
    assert (picture.shape, picture.dtype) == ((16, 24, 3), torch.uint8)
    assert np.array_equal(picture.numpy(), Fit(16, crop=1).read(tmp_path / "a.png").pixels)


def test_batches_with_references_where_there_are_any() -> None:
    dataset = PictureDataset(picture_of, ["1", "2"], 4, references={"2": "5"})
    assert len(dataset) == 2
    batch = dataset.__getitems__([(0, 1), (0, 0)])
    assert batch["path"] == ["2", "1"]
    assert batch["has_reference"].tolist() == [True, False]
    assert batch["image"].shape == batch["reference"].shape == (2, 3, 4, 4)
    assert batch["image"][:, 0, 0].tolist() == [[21, 22, 23, 24], [11, 12, 13, 14]], "the middle"
    assert batch["reference"][:, 2, 3].tolist() == [[51, 52, 53, 54], [0, 0, 0, 0]]
    assert "reference" not in PictureDataset(picture_of, ["1"], 4)[(0, 0)]


def test_changes_follow_seed_epoch_and_index() -> None:
    change = Augmentation(crop=1, exposure_ev=4)
    dataset = PictureDataset(picture_of, ["1", "1"], 4, augmentation=change, seed=3)
    for draw in ((0, 0), (0, 1), (7, 1)):
        expected = change([picture_of("1")], 4, [(3, *draw)]).permute(0, 3, 1, 2)
        assert torch.equal(dataset[draw]["image"], expected)


def test_what_is_to_be_restored() -> None:
    """The picture is exposed anew; beside it is what it was, mirrored or not."""
    dataset = PictureDataset(picture_of, ["12", "20"], 4, augmentation=Augmentation(flip=True, restore=True), seed=3)
    batch = dataset.__getitems__([(0, 1), (0, 0)])
    plain = PictureDataset(picture_of, ["12", "20"], 4, augmentation=Augmentation(flip=True), seed=3)
    assert torch.equal(batch["clean"], plain.__getitems__([(0, 1), (0, 0)])["image"])
    assert batch["image"].shape == batch["clean"].shape
    assert batch["image"].dtype == torch.uint8
    assert (batch["image"].float() - batch["clean"].float()).abs().mean() > 5
    assert torch.equal(batch["image"], dataset.__getitems__([(0, 1), (0, 0)])["image"])
    assert not torch.equal(batch["image"], dataset.__getitems__([(1, 1), (1, 0)])["image"])
