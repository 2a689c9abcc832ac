from __future__ import annotations

import numpy as np

from zero_dce.images.coded_space import PQ_CURVE
from zero_dce.images.formats.cicp import cicp_space, hdr_notice, nclx_space

# What 180, 100, 60 of Display P3 is in sRGB: by hand, through the matrix from the light of one to that of the other,
# 1.2249 -0.2249 0, -0.0421 1.0421 0, -0.0196 -0.0786 1.0983.
P3_SEEN = (192.5, 94.7, 48.9)


def test_numbers_of_srgb_and_unspecified_ones() -> None:
    assert nclx_space(1, 13) == (None, [])
    assert nclx_space(2, 2) == (None, [])
    assert nclx_space(1, 1) == (None, [])


def test_display_p3() -> None:
    space, notices = nclx_space(12, 13)
    assert space is not None
    assert notices == []
    # The red of P3 is beyond sRGB; its grey is grey.
    red, grey, brown = space.to_srgb(np.array([[[200, 0, 0], [100, 100, 100], [180, 100, 60]]], np.uint8))[0] / 257
    assert red[1:].tolist() == [0, 0]
    assert np.abs(brown - P3_SEEN).max() < 0.1
    assert np.abs(grey - 100).max() < 0.1


def test_hdr_is_said() -> None:
    space, notices = nclx_space(9, 16)
    assert space is not None
    assert space.curve is PQ_CURVE
    assert notices == hdr_notice(space) == ["PQ (HDR): light above its reference white, 203 cd/m2, becomes white"]


def test_numbers_that_are_not_known() -> None:
    assert cicp_space(200, 13) is None
    assert nclx_space(200, 13) == (None, ["colours of kind 200, 13 (nclx): not known, taken as sRGB"])
