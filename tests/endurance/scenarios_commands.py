"""The commands that are no sweep: what each is disturbed at, how a user goes on, and what must be there then."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pillow_heif
import tifffile
from safetensors.numpy import save_file

from tests.endurance import faults
from tests.endurance.equal import OF_RUNS
from tests.endurance.scenarios import Call, Scenario
from tests.helpers.clips import make_clip, still_frames
from tests.helpers.hub_server import environment, serve_hub
from tests.helpers.networks import make_weights
from tests.helpers.pictures import make_picture, make_sice
from tests.helpers.runs import tiny
from tests.helpers.wandb_server import KEY, serve
from tests.test_remote_weights import add_artifact
from zero_dce.weights import WEIGHTS_FILE


def _same(folder: Path, call: Call) -> Call:
    """What a user runs again is the same command."""
    return call


def _weights(folder: Path, seed: int = 0, network: str = "zero_dce") -> Path:
    file = folder / f"{network}-{seed}.safetensors"
    save_file(make_weights(network, seed).state, file, {"network": network, "format_version": "1"})
    return file


def _picture(file: Path, seed: int) -> None:
    picture = make_picture(seed, 0.15)
    if file.suffix == ".tif":
        tifffile.imwrite(file, np.asarray(picture).astype(np.uint16) * 257, photometric="rgb")
    elif file.suffix == ".heic":
        pillow_heif.from_pillow(picture).save(file)
    else:
        picture.save(file)


def _enhance(option: str) -> Callable[[Path], Call]:
    def prepare(inputs: Path) -> Call:
        night = inputs / "night"
        (night / "sub").mkdir(parents=True)
        for seed, name in enumerate(["a.jpg", "b.png", "c.tif", "d.heic", "sub/e.jpg"]):
            _picture(night / name, seed)
        (night / "bad.jpg").write_bytes((night / "a.jpg").read_bytes()[:200])
        files = ["--output", "bright", "--compare", "--maps", "--weights", str(_weights(inputs))]
        return "zero_dce.enhance", [str(night), *files, "--backend", "torch", "--precision", "float32", option]

    return prepare


def _earlier_pictures(inputs: Path, folder: Path) -> None:
    shutil.copytree(inputs / "night", folder / "bright")
    (folder / "bright" / "bad.jpg").unlink()


def _clip(inputs: Path) -> Call:
    make_clip(inputs / "clip.mp4", still_frames(6))
    weights = ["--weights", str(_weights(inputs)), "--backend", "torch", "--precision", "float32"]
    return "zero_dce.enhance", [str(inputs / "clip.mp4"), "--output", "bright", "--overwrite", *weights]


def _earlier_clip(inputs: Path, folder: Path) -> None:
    (folder / "bright").mkdir()
    shutil.copy(inputs / "clip.mp4", folder / "bright")


def _trained(inputs: Path) -> Path:
    """A sweep of two runs."""
    options = ["+sweep=loss_weights", "loss.weights.exp=3,10", "loss.weights.tv=200", "hydra.sweep.dir=grid"]
    _do("zero_dce.train", tiny(make_sice(inputs / "sice", scenes=3, frames=4), *options, "logger=csv"), inputs)
    return inputs / "grid"


def _do(module: str, arguments: list[str], folder: Path) -> None:
    outcome = faults.run(module, arguments, folder, folder / "nothing")
    assert outcome.code == 0, outcome.printed


def _pick(inputs: Path) -> Call:
    sweep = _trained(inputs)
    _do("zero_dce.review", ["pick", str(sweep), "--run", "0", "--step", "2", "--output", "earlier"], inputs)
    chosen = ["--run", "1", "--step", "4", "--note", "the sky", "--output", "picked", "--overwrite"]
    return "zero_dce.review", ["pick", str(sweep), *chosen]


def _earlier_pick(inputs: Path, folder: Path) -> None:
    shutil.copytree(inputs / "earlier", folder / "picked")


def _push(inputs: Path) -> Call:
    sweep = _trained(inputs)
    for run, name in (("0", "earlier"), ("1", "picked")):
        _do("zero_dce.review", ["pick", str(sweep), "--run", run, "--step", "4", "--output", name], inputs)
    push = ["me/night", "--license", "mit", "--dry-run"]
    _do("zero_dce.review", ["push", "earlier", *push, "earlier draft"], inputs)
    return "zero_dce.review", ["push", str(inputs / "picked"), *push, "draft"]


def _earlier_draft(inputs: Path, folder: Path) -> None:
    shutil.copytree(inputs / "earlier draft", folder / "draft")


def _report(inputs: Path) -> Call:
    return "zero_dce.review", ["report", str(_trained(inputs)), "--output", "report.html"]


def _earlier_report(inputs: Path, folder: Path) -> None:
    (folder / "report.html").write_text("an earlier page </html>")


def _evaluate(inputs: Path) -> Call:
    for name, brightness in (("low", 0.1), ("high", 0.5)):
        (inputs / name).mkdir()
        for seed in range(3):
            make_picture(seed, brightness).save(inputs / name / f"{seed}.png")
    files = ["--table", "t.md", "t.tex", "--json", "values.json"]
    pictures = ["--low", str(inputs / "low"), "--high", str(inputs / "high")]
    return "zero_dce.evaluate", ["--weights", str(_weights(inputs)), *pictures, *files]


def _earlier_table(inputs: Path, folder: Path) -> None:
    for name in ("t.md", "t.tex", "values.json"):
        (folder / name).write_text('"earlier"\n')


def _sheet(inputs: Path) -> Call:
    return "zero_dce.data.inspect", [str(make_sice(inputs / "sice", scenes=3, frames=4)), "--sheet", "sheet.jpg"]


# Options, and the files.
EXPORTS = {
    "onnx": (["--exposure", "0.5"], ["a.onnx"]),
    "openvino": ([], ["a.xml", "a.bin"]),
    "torch": ([], ["a.pt2"]),
    "ncnn": ([], ["a.param", "a.bin"]),
    "darktable": (["--license", "MIT", "--stops", "2"], ["denoise-a.dtmodel"]),
    "int8": (["--precision", "int8"], ["a.onnx"]),
}


def _export(name: str) -> Scenario:
    options, files = EXPORTS[name]
    wanted = ["--format", "onnx" if name == "int8" else name, "--output", files[0], *options]

    def prepare(inputs: Path) -> Call:
        _do("zero_dce.export", [*wanted, "--weights", str(_weights(inputs, 1))], inputs)
        return "zero_dce.export", [*wanted, "--weights", str(_weights(inputs, 0)), "--overwrite"]

    def begin(inputs: Path, folder: Path) -> None:
        for file in files:
            shutil.copy(inputs / file, folder)

    return Scenario(f"export_{name}", prepare, _same, {}, {}, begin=begin, exact=True, artifacts=[tuple(files)])


def _space(inputs: Path) -> Call:
    return "zero_dce.app", ["--weights", str(_weights(inputs)), "--write-space", "space"]


def _sample(inputs: Path) -> Call:
    return "zero_dce.data.sample", []


def _cache(inputs: Path) -> Call:
    sice = make_sice(inputs / "sice", scenes=3, frames=4)
    return "zero_dce.train", tiny(sice, "data.cache=disk", "logger=csv", "trainer.max_steps=1", "every_n_steps=1")


def _in_cache(folder: Path) -> dict[str, str]:
    return {"ZERO_DCE_CACHE": str(folder / "cache")}


def _completion(inputs: Path) -> Call:
    return "tests.endurance.console", ["--install-completion", "bash"]


def _in_home(folder: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(folder / "share")}


def _earlier_completion(inputs: Path, folder: Path) -> None:
    file = folder / "share" / "bash-completion" / "completions" / "zero-dce"
    file.parent.mkdir(parents=True)
    file.write_text("earlier")


def _enhance_one(inputs: Path, address: str) -> Call:
    make_picture(0, 0.15).save(inputs / "a.png")
    options = ["--output", "bright", "--overwrite", "--backend", "torch", "--precision", "float32"]
    return "zero_dce.enhance", [str(inputs / "a.png"), "--weights", address, *options]


# Servers on loopback, which last as long as this process.
SERVERS = ExitStack()


class _Hub:
    """Weights on a Hugging Face Hub."""

    def prepare(self, inputs: Path) -> Call:
        self.server = SERVERS.enter_context(serve_hub())
        self.server.add("me/night", {WEIGHTS_FILE: _weights(inputs).read_bytes()})
        return _enhance_one(inputs, "hf://me/night")

    def environment(self, folder: Path) -> dict[str, str]:
        return environment(self.server, folder / "hub")

    def check(self, folder: Path) -> str:
        """The cache is huggingface_hub's own; what is under the file's name must be what was published."""
        (published,) = self.server.repositories["me/night"].commits.values()
        found = [file.read_bytes() for file in (folder / "hub").rglob(WEIGHTS_FILE)]
        return "" if found == [*published.values()] else "the cache holds other weights, or none"


class _Artifact:
    """Weights on a W&B server."""

    def prepare(self, inputs: Path) -> Call:
        self.server = SERVERS.enter_context(serve())
        add_artifact(self.server, _weights(inputs).read_bytes(), "picked")
        return _enhance_one(inputs, "wandb://someone/zero_dce/night:picked")

    def environment(self, folder: Path) -> dict[str, str]:
        server = {"WANDB_BASE_URL": self.server.address, "WANDB_API_KEY": KEY}
        return {**server, **_in_cache(folder), "HOME": str(folder.parent / "home")}


def _without_time(content: bytes) -> bytes:
    return re.sub(rb'"picked_at": "[^"]*"', b"", content)


_HUB, _ARTIFACT = _Hub(), _Artifact()
OF_THE_HUB = {"hub": "huggingface_hub's own cache: a process that is killed leaves files with random names in it"}
# What these commands import, so that each process starts at once; but huggingface_hub and trackio read their
# environment then.
PRELOADED = [
    "mlflow",
    "onnx",
    "onnxruntime",
    "openvino",
    "optuna",
    "tests.endurance.scenarios_commands",
    "tests.endurance.scenarios_runs",
    "torch._dynamo",
    "torch.utils.tensorboard",
    "zero_dce.app.space",
    "zero_dce.data.inspect",
    "zero_dce.enhance.__main__",
    "zero_dce.enhance.graph.openvino",
    "zero_dce.enhance.video.convert",
    "zero_dce.evaluate.compare",
    "zero_dce.export.__main__",
    "zero_dce.export.graphs",
    "zero_dce.export.module",
    "zero_dce.networks",
    "zero_dce.review.pick",
    "zero_dce.review.push",
    "zero_dce.review.report",
]
COMMANDS = {
    scenario.name: scenario
    for scenario in [
        Scenario("enhance", _enhance("--skip-existing"), _same, {}, {}, code=1, exact=True),
        Scenario("enhance_again", _enhance("--overwrite"), _same, {}, {}, begin=_earlier_pictures, code=1, exact=True),
        Scenario("clip", _clip, _same, {}, {}, begin=_earlier_clip, exact=True),
        Scenario(
            "pick",
            _pick,
            _same,
            {},
            {"origin.json": _without_time},
            begin=_earlier_pick,
            artifacts=[("picked/",)],
            exact=True,
        ),
        Scenario("push", _push, _same, {}, {}, begin=_earlier_draft, artifacts=[("draft/",)], exact=True),
        Scenario("report", _report, _same, {}, OF_RUNS, begin=_earlier_report, optional={}, exact=True),
        Scenario("evaluate", _evaluate, _same, {}, {}, begin=_earlier_table, exact=True),
        Scenario("inspect", _sheet, _same, {}, {}, exact=True),
        *(_export(name) for name in EXPORTS),
        Scenario("space", _space, _same, {}, {}, exact=True),
        Scenario("completion", _completion, _same, {}, {}, begin=_earlier_completion, environment=_in_home, exact=True),
        Scenario("sample", _sample, _same, {}, {}, root="cache", environment=_in_cache, exact=True),
        Scenario(
            "cache",
            _cache,
            _same,
            {},
            {},
            root="cache",
            environment=_in_cache,
            optional={"": "a run goes on without a cache"},
            exact=True,
        ),
        Scenario("hub", _HUB.prepare, _same, OF_THE_HUB, {}, environment=_HUB.environment, check=_HUB.check),
        Scenario("artifact", _ARTIFACT.prepare, _same, {}, {}, root="cache", environment=_ARTIFACT.environment),
    ]
}
