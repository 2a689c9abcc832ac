from __future__ import annotations

from pathlib import Path

from zero_dce.evaluate.measure import Method
from zero_dce.evaluate.paper_table import write_tables

NAN = float("nan")


def method(name: str, details: dict[str, object] | None = None, **values: list[float]) -> Method:
    return Method(name, lambda image: image, details or {}, values)


METHODS = [
    method("input", psnr=[8.0], ssim=[0.2], niqe=[3.001]),
    method("gamma best", {"gamma": 0.3}, psnr=[19.0], ssim=[0.9], niqe=[2.0]),
    method("runs/a_1.pth", psnr=[15.0], ssim=[0.7], niqe=[3.004]),
    method("b|c.pth", {"exposure": "auto"}, psnr=[15.5], ssim=[NAN], niqe=[5.0]),
]


def test_markdown(tmp_path: Path) -> None:
    """The best is bold, equal numbers all; not what was chosen by the references; LPIPS was not measured."""
    file = tmp_path / "t.md"
    write_tables([file], METHODS, ("psnr", "ssim", "lpips", "niqe"), "LOL-v1: 1 picture", ["so it was measured"])
    caption, _, *rows, _ = file.read_text().split("\n- ")[0].split("\n")
    assert caption == "LOL-v1: 1 picture"
    assert rows == [
        "| Method | PSNR (dB) ↑ | SSIM ↑ | NIQE, authors' model ↓ |",
        "| --- | ---: | ---: | ---: |",
        "| input | 8.00 | 0.200 | **3.00** |",
        "| gamma best (0.3) | 19.00 | 0.900 | 2.00 |",
        "| runs/a_1.pth | 15.00 | **0.700** | **3.00** |",
        r"| b\|c.pth (exposure auto) | **15.50** | - | 5.00 |",
    ]
    notes = file.read_text().splitlines()
    assert "- So it was measured." in notes
    assert any(note.startswith("- NIQE: with the model and the grey of the authors' code") for note in notes)
    assert any(note.startswith("- Gamma best: the one gamma that is best on these references") for note in notes)
    assert "LPIPS" not in file.read_text()


def test_latex(tmp_path: Path) -> None:
    file = tmp_path / "t.tex"
    measured = [method("a_1 & 5 %.pth", psnr=[10.0, 20.0, 15.0]), method("input", psnr=[7.0])]
    write_tables([file], measured, ("psnr",), "3 pictures_", [])
    text = file.read_text()
    assert r"\caption{3 pictures\_}" in text
    assert r"Method & PSNR (dB) $\uparrow$ \\" in text
    row = next(line for line in text.splitlines() if "a\\_1" in line)
    assert row.startswith(r"a\_1 \& 5 \%.pth & \textbf{15.00} {\scriptsize [")
    assert r"input & 7.00 \\" in text
    for part in ("tabular", "table"):
        assert text.count(rf"\begin{{{part}}}") == text.count(rf"\end{{{part}}}") == 1
    assert [text.index(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")] == sorted(
        text.index(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")
    )
    assert text.count("{") == text.count("}")
