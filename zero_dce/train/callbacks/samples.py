"""Sample enhancements per step, on a few fixed pictures: what a checkpoint is chosen by."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import Logger
from lightning.pytorch.trainer.states import TrainerFn
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from zero_dce.checks import check_option
from zero_dce.data.index import find_folder
from zero_dce.files import atomic_folder
from zero_dce.images.decode import Pixels, decode_within
from zero_dce.images.sheets import save_picture, side_by_side, to_image, to_pixels
from zero_dce.records.run import CAPTION, pictures_folder
from zero_dce.train.loggers.tracker import Picture, Tracker, sample_key

log = logging.getLogger(__name__)

# Files are a tenth larger than with PNG's usual effort of 6, and take a fifth of the time.
PNG_EFFORT = 1


class SamplePictures(L.Callback):
    """Enhance fixed pictures at step 0, every N steps and at the end; save them and send them to the loggers.

    Files are ``samples/step-000300/00_input.png``, ``00_output.png`` and ``00_curves.png``, in true proportions; the
    last shows what the network does where, see :func:`curve_picture`. The pictures are spread from dark to bright over
    the validation side, one per scene where there are enough, and are the same in every run on the same data.
    Or they are all photographs of a folder of your own, from dark to bright.

    Args:
        folder: the run's folder.
        every_n_steps: optimizer steps between two sets of pictures, at least 1.
        images: a folder of photographs; ``None`` picks from the validation side, or from training where there is none.
        count: how many pictures, at least 1.
        longest: pictures are shrunk to at most this many pixels on their longer side.

    Raises:
        ValueError: if a number is out of its range.
        FileNotFoundError: if ``images`` does not exist or holds no images.
    """

    def __init__(
        self, folder: str, every_n_steps: int, images: str | None = None, count: int = 8, longest: int = 512
    ) -> None:
        for name, value in (
            ("every_n_steps", every_n_steps),
            ("callbacks.samples.count", count),
            ("callbacks.samples.longest", longest),
        ):
            check_option(name, value)
        self.run = Path(folder)
        self.every_n_steps, self.count, self.longest = every_n_steps, count, longest
        self.images = None if images is None else Path(images)
        self.own = [] if self.images is None else _list_own(self.images)
        self.pictures: list[tuple[str, Pixels]] = []
        self._written = -1

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Choose the pictures and show the untrained network's output."""
        if trainer.is_global_zero:
            self.pictures = self._choose(trainer)
            if trainer.global_step == 0:
                self._write(trainer, pl_module)
            self._written = trainer.global_step

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the pictures where nothing is trained."""
        if trainer.state.fn == TrainerFn.VALIDATING and trainer.is_global_zero:
            self.pictures = self._choose(trainer)
            self._write(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show the pictures when the step number is a multiple of N."""
        if trainer.global_step % self.every_n_steps == 0:
            self._write(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the pictures of the last step too."""
        self._write(trainer, pl_module)

    def _choose(self, trainer: L.Trainer) -> list[tuple[str, Pixels]]:
        if self.images is not None:
            return sorted(self._decode(self.images, self.own), key=_brightness)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        paths = sorted(data.split.val or data.split.train, key=lambda path: (data.brightness[path], path))
        return self._decode(data.root, spread(paths, self.count))

    def _decode(self, root: Path, paths: Sequence[str]) -> list[tuple[str, Pixels]]:
        return [(path, decode_within(root / path, self.longest)) for path in paths]

    def _write(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        step = trainer.global_step
        if not trainer.is_global_zero or step == self._written:
            return
        sent = {}
        # People look at the pictures while runs go on, and after a kill: none may be half-written.
        with atomic_folder(pictures_folder(self.run, step)) as unfinished:
            for number, (path, before) in enumerate(self.pictures):
                after, curves = enhance_sample(trainer, module, before)
                caption = f"step {step} · {path} · brightness {before.mean() / 255:.2f} → {after.mean() / 255:.2f}"
                information = PngInfo()
                information.add_itxt(CAPTION, caption)
                for side, pixels in (("input", before), ("curves", curves), ("output", after)):
                    file = unfinished / f"{number:02d}_{side}.png"
                    save_picture(Image.fromarray(pixels), file, compress_level=PNG_EFFORT, pnginfo=information)
                sent[sample_key(f"{number:02d}")] = Picture(side_by_side(before, after), caption)
        send_pictures(trainer.loggers, step, sent)
        self._written = step


def enhance_sample(trainer: L.Trainer, module: L.LightningModule, pixels: Pixels) -> tuple[Pixels, Pixels]:
    """Enhance one picture, uint8 H x W x 3, at the run's precision; the module's mode is kept.

    Returns:
        The enhanced picture and the picture of its curve maps, uint8 H x W x 3 each.
    """
    image = to_image(pixels)[None].to(module.device)
    with torch.no_grad(), trainer.precision_plugin.forward_context():
        enhanced, curve_maps = module(image)
    return to_pixels(enhanced[0]), curve_picture(curve_maps[0])


def curve_picture(curve_maps: Tensor) -> Pixels:
    """Show one image's curve maps: for each channel the mean of A over the iterations, from [-1, 1] to 0 to 255.

    A has the sign of the paper's equation 2, so lighter than mid grey brightens, darker darkens, and mid grey leaves
    the picture as it is.

    Args:
        curve_maps: expected shape 3n x H x W, range [-1, 1], in the sign convention of
            :func:`zero_dce.curves.apply_curves`, where r = -A.

    Returns:
        uint8 H x W x 3, one colour channel for each of the picture's.
    """
    mean = -curve_maps.float().reshape(-1, 3, *curve_maps.shape[1:]).mean(dim=0)
    return to_pixels((mean + 1) / 2)


def spread(paths: Sequence[str], count: int) -> list[str]:
    """Pick pictures at even distances of brightness rank, from different scenes (folders) while there are enough.

    The paths are sorted from dark to bright, and so is the result; all are picked where there are fewer than ``count``.
    """
    picked: list[int] = []
    for target in np.linspace(0, len(paths) - 1, min(count, len(paths))):
        free = [index for index in range(len(paths)) if index not in picked]
        used = {_scene(paths[index]) for index in picked}
        fresh = [index for index in free if _scene(paths[index]) not in used] or free
        picked.append(min(fresh, key=lambda index: (abs(index - target), index)))
    return [paths[index] for index in sorted(picked)]


def send_pictures(loggers: Iterable[Logger], step: int, pictures: Mapping[str, Picture]) -> None:
    """Send a step's pictures, by their keys, to every logger that takes pictures."""
    for logger in loggers:
        if isinstance(logger, Tracker):
            logger.log_pictures(step, pictures)


def _brightness(candidate: tuple[str, Pixels]) -> tuple[float, str]:
    path, pixels = candidate
    return float(pixels.mean()), path


def _scene(path: str) -> str:
    return path.rpartition("/")[0] or path


def _list_own(folder: Path) -> list[str]:
    """Return the pictures of a folder; those that nothing installed reads are told."""
    index = find_folder(folder)
    for line in index.without_reader():
        log.warning("%s: %s", folder, line)
    return [entry.path for entry in index.entries]
