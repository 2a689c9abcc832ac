"""An alarm for pictures that fade while the loss goes on falling."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hydra.utils
import lightning as L
from lightning.pytorch.trainer.states import TrainerFn
from omegaconf import DictConfig

from zero_dce.checks import check_option
from zero_dce.records.run import Rows, checkpoint_file, pictures_folder
from zero_dce.train.loggers.metrics_file import MetricsFile

log = logging.getLogger(__name__)
# What lets a run that it has ended train on.
GO_ON_FADING = "callbacks.washout.stop=false"
WATCHED = ("saturation_ratio", "tv", "brightness_out")


@dataclass(frozen=True)
class State:
    """What one validation showed: ``val/saturation_ratio``, ``val/tv`` and ``val/brightness_out`` at a step."""

    step: int
    saturation_ratio: float
    tv: float
    brightness_out: float


class WashOutAlarm(L.Callback):
    """Mark the step from which pictures fade, in ``result.json`` and once in the log.

    Saturation always falls while a network learns to brighten, so it is not compared with its start but with the best
    earlier validation at which the pictures were about as bright as now already, or brighter: brightness had settled
    there, and colour that is missing since has bought no light. A validation counts as faded when, against that one,

    - the saturation ratio is lower by more than ``drop``, as a share. In a healthy run of 10,000 steps the validations
      lay up to 0.10 below their best (0.66 to 0.74), washed-out checkpoints lie 0.35 to 0.45 below it (0.40 to 0.46);
    - and the smoothness loss is higher by more than ``tv_rise``, as a share: the curves have become uneven, and it is
      not the exposure that moved.

    The alarm goes off when ``validations`` in a row are faded, and marks the first of them. Pictures without colour,
    whose ratio is NaN, never set it off. With ``stop`` the run ends there, as a finished one: the step's checkpoint is
    written before its validation. To train on after that, a run is resumed with ``stop=false``.

    Args:
        folder: the run's folder.
        drop: how much of the saturation ratio must be lost, in (0, 1).
        tv_rise: how much the smoothness loss must have risen, at least 0.
        validations: how many in a row, at least 1.
        settled: by how much the mean brightness of the earlier state may have been below the present one, in [0, 1].
        stop: end the run.

    Raises:
        ValueError: if a number is out of its range.
    """

    def __init__(
        self,
        folder: str,
        drop: float = 0.2,
        tv_rise: float = 0.0,
        validations: int = 2,
        settled: float = 0.05,
        stop: bool = False,
    ) -> None:
        check_option("callbacks.washout.drop", drop)
        check_option("callbacks.washout.tv_rise", tv_rise)
        check_option("callbacks.washout.validations", validations)
        check_option("callbacks.washout.settled", settled)
        check_option("callbacks.washout.stop", stop)
        self.run = Path(folder)
        self.drop, self.tv_rise, self.validations, self.settled, self.stop = drop, tv_rise, validations, settled, stop
        self.history: list[State] = []
        self.mark: dict[str, float] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: all validations so far, and the mark."""
        return {"history": [asdict(state) for state in self.history], "mark": self.mark}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what a checkpoint kept."""
        self.history = [State(**state) for state in state_dict["history"]]
        self.mark = state_dict["mark"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take in the validation at the resumed step, which came after its checkpoint was written."""
        seen = max((state.step for state in self.history), default=0)
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                for step in sorted(logger.rows):
                    if seen < step <= trainer.global_step and f"val/{WATCHED[0]}" in logger.rows[step]:
                        self._observe(trainer, step, logger.rows[step])

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at the validation just done."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        fades = self._observe(trainer, trainer.global_step, measured, self.stop)
        # A process that cannot see metrics.csv may know less of a resumed run, so all stop or none does.
        if self.stop and trainer.strategy.reduce_boolean_decision(fades, all=False):
            trainer.should_stop = True

    def _observe(self, trainer: L.Trainer, step: int, measured: Mapping[str, float], stop: bool = False) -> bool:
        """Add a validation, and tell whether it sets the alarm off; with ``stop`` the log says that the run ends."""
        self.history.append(State(step, *(measured[f"val/{name}"] for name in WATCHED)))
        if self.mark is not None:
            return False
        self.mark = self.find_mark()
        if self.mark is not None and trainer.is_global_zero:
            log.warning(describe_fading(self.mark, self.run, stop))
        return self.mark is not None

    def mark_in(self, rows: Rows) -> dict[str, float] | None:
        """Return the mark of a run that has ended, given the rows of its ``metrics.csv``."""
        for step in sorted(rows):
            if self.mark is None and f"val/{WATCHED[0]}" in rows[step]:
                self.history.append(State(step, *(rows[step][f"val/{name}"] for name in WATCHED)))
                self.mark = self.find_mark()
        return self.mark

    def find_mark(self) -> dict[str, float] | None:
        """Return what ``result.json`` says of a wash-out; ``None`` unless the last validations are all faded."""
        first = len(self.history) - self.validations
        if first < 0:
            return None
        rivals = [self._faded_against(index) for index in range(first, len(self.history))]
        if not all(rivals):
            return None
        begun, now, best = self.history[first], self.history[-1], rivals[0]
        assert best is not None
        return {
            "from_step": begun.step,
            "saturation_ratio": begun.saturation_ratio,
            "tv": begun.tv,
            "best_step": best.step,
            "best_saturation_ratio": best.saturation_ratio,
            "best_tv": best.tv,
            "noticed_at_step": now.step,
        }

    def _faded_against(self, index: int) -> State | None:
        """Return the best earlier state of like brightness if a validation is faded against it."""
        now = self.history[index]
        best = best_before(self.history[:index], now.brightness_out - self.settled)
        if best is None:
            return None
        faded = now.saturation_ratio < (1 - self.drop) * best.saturation_ratio
        return best if faded and now.tv > (1 + self.tv_rise) * best.tv else None


def mark_of(config: DictConfig, rows: Rows) -> dict[str, float] | None:
    """Return the mark that a run's own alarm sets, given the rows of its ``metrics.csv``; ``None`` without one."""
    alarm = config.callbacks.get("washout")
    return hydra.utils.instantiate(alarm).mark_in(rows) if alarm else None


def best_before(history: Sequence[State], least: float) -> State | None:
    """Return the state of the highest saturation ratio among those of at least some brightness; NaN is none."""
    settled = [state for state in history if state.brightness_out >= least and not math.isnan(state.saturation_ratio)]
    return max(settled, key=lambda state: state.saturation_ratio, default=None)


def describe_fading(mark: Mapping[str, float], run: Path, stop: bool) -> str:
    """Say what was seen and what to do."""
    best = round(mark["best_step"])
    checkpoint = checkpoint_file(run, best)
    weights = f"; its weights are {checkpoint}" if checkpoint.is_file() else ""
    way_on = f"callbacks.washout.stop is true, and {GO_ON_FADING} beside resume= trains on"
    return (
        f"pictures fade from step {mark['from_step']:.0f} on: saturation ratio {mark['saturation_ratio']:.3f} after "
        f"{mark['best_saturation_ratio']:.3f} at step {mark['best_step']:.0f} with pictures as bright, while the "
        f"smoothness loss rose from {mark['best_tv']:.2g} to {mark['tv']:.2g}. Look at "
        f"{pictures_folder(run, best)} beside the latest pictures{weights}. "
        + (f"The run ends here: {way_on}" if stop else "callbacks.washout.stop=true would end it")
    )
