from __future__ import annotations

import re
from pathlib import Path

import torch

from zero_dce.evaluate.measure import Method
from zero_dce.evaluate.pictures import Pair, PictureSet
from zero_dce.evaluate.table import describe_measurement, format_tables

NAN = float("nan")


def method(name: str, details: dict[str, object], **values: list[float]) -> Method:
    return Method(name, lambda image: image, details, values)


def test_one_table_per_group_and_only_measures_with_values() -> None:
    methods = [
        method("input", {}, psnr=[20.0, 20.0], ssim=[NAN, NAN], brightness=[0.25]),
        method("gamma best", {"gamma": 0.5}, psnr=[10.0, NAN], ssim=[NAN, NAN], brightness=[0.5, 0.5]),
        method("b.pth", {"scale_factor": 12}, ssim=[NAN]),
        method("b.pth", {"scale_factor": 12, "exposure": "auto"}, ssim=[NAN]),
        method("c.pth", {"exposure": 0.5}, ssim=[NAN]),
    ]
    assert [re.sub(" {2,}", "|", line) for line in format_tables(methods).splitlines()] == [
        "",
        "against the reference|PSNR dB",
        "input|20 [20, 20]",
        "gamma best (0.5)|10",
        "b.pth (scale factor 12)|-",
        "b.pth (scale factor 12, exposure auto)|-",
        "c.pth (exposure 0.5)|-",
        "",
        "of the picture|brightness",
        "input|0.25",
        "gamma best (0.5)|0.5 [0.5, 0.5]",
        "b.pth (scale factor 12)|-",
        "b.pth (scale factor 12, exposure auto)|-",
        "c.pth (exposure 0.5)|-",
    ]


def test_what_was_measured_is_said() -> None:
    pictures, device = PictureSet([Pair("a.png", Path("a.png"))] * 3), torch.device("cpu")
    first, second, third = describe_measurement(pictures, 40, device).splitlines()
    assert first == "3 pictures without references, at most 40 pixels long, float32 on cpu"
    assert second == "mean [bootstrap 95 % interval over pictures: 2,000 resamples, seed 0]"
    assert third.startswith("no row 'gamma best': without references")
    assert "references, resized to 1200 x 900 pixels, float32" in describe_measurement(pictures, (1200, 900), device)
