"""Pictures side by side, and contact sheets."""

from __future__ import annotations

import numpy as np
import torch

from zero_dce.images.sheets import BACKGROUND, GAP, LABEL_HEIGHT, contact_sheet, side_by_side, to_image, to_pixels


def test_pixels_and_images_are_each_others_inverse() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = to_image(pixels)
    assert image.shape == (3, 5, 7)
    assert 0 <= float(image.min()) < float(image.max()) <= 1
    assert np.array_equal(to_pixels(image), pixels)
    assert to_pixels(torch.tensor([-1.0, 0.5, 2.0]).view(3, 1, 1)).ravel().tolist() == [0, 128, 255]


def test_two_pictures_have_a_grey_gap_between_them() -> None:
    left, right = np.full((4, 3, 3), 10, np.uint8), np.full((4, 5, 3), 20, np.uint8)
    both = side_by_side(left, right)
    assert both.shape == (4, 3 + GAP + 5, 3)
    assert (both[:, :3] == 10).all()
    assert (both[:, 3 : 3 + GAP] == BACKGROUND[0]).all()
    assert (both[:, 3 + GAP :] == 20).all()


def test_a_contact_sheet_has_a_labelled_row_per_line() -> None:
    wide, tall = np.zeros((10, 40, 3), np.uint8), np.zeros((40, 10, 3), np.uint8)
    wide[..., 0], tall[..., 1] = 200, 100
    sheet = np.asarray(contact_sheet([("input", [wide, tall]), ("run 0", [wide])], cell=40))
    height = GAP + (LABEL_HEIGHT + 40 + GAP) + (LABEL_HEIGHT + 10 + GAP)
    assert sheet.shape == (height, GAP + 2 * (40 + GAP), 3)
    assert (sheet == (200, 0, 0)).all(axis=2).sum() == 2 * 10 * 40
    assert (sheet == (0, 100, 0)).all(axis=2).sum() == 40 * 10
    assert tuple(sheet[-1, -1]) == BACKGROUND
