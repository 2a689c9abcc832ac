"""Where a run begins: at step 0, or at its last checkpoint if that fits and leaves something to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from zero_dce.records.run import MOST_STEPS, last_checkpoint, read_rows, run_state
from zero_dce.train.callbacks.washout import GO_ON_FADING, mark_of
from zero_dce.train.rank import is_first_process
from zero_dce.weights import TITLES, load_checkpoint, read_weights


@dataclass(frozen=True)
class Start:
    """Where a run begins.

    Attributes:
        checkpoint: what it continues from; ``None`` for a new run.
        step: the number of optimizer steps done before.
        has_ended: nothing is left to train, only the result to be written.
    """

    checkpoint: Path | None = None
    step: int = 0
    has_ended: bool = False


def find_start(config: DictConfig, run: Path, in_sweep: bool) -> Start:
    """Return where a run begins.

    A run whose last step is done counts as ended if it was stopped or failed before its result was written, and any run
    of a sweep. A single one that has finished is asked for more. The last step is also that at which a run ends because
    pictures fade.

    All processes of a run must say the same: only the first asks for more, as it is the one that may be writing the
    result while others look.

    Raises:
        FileNotFoundError: if there is no checkpoint to resume from.
        ValueError: if the checkpoint cannot be read, leaves nothing to train, or holds the other network.
    """
    if config.resume is None:
        return Start()
    checkpoint = last_checkpoint(run)
    step = read_step(checkpoint)
    needed = _needed_to_go_on(config, run, step)
    if needed is None:
        check_network(checkpoint, config.model.network)
        return Start(checkpoint, step)
    if in_sweep or not is_first_process() or run_state(run) != "finished":
        return Start(checkpoint, step, has_ended=True)
    raise ValueError(f"{checkpoint} {needed}")


def _needed_to_go_on(config: DictConfig, run: Path, step: int) -> str | None:
    """Say why nothing is left to train after a step and what would change that; ``None`` if something is."""
    if 0 <= config.trainer.max_steps <= step:
        return f"has {step} steps already: give more than that as trainer.max_steps={2 * step}"
    if ends_as_pictures_fade(config, run, step):
        return f"is of step {step}, at which a run ends because pictures fade: give {GO_ON_FADING} to train on"
    return None


def ends_as_pictures_fade(config: DictConfig, run: Path, step: int) -> bool:
    """Tell whether the alarm for fading pictures ends a run at its last checkpoint's step."""
    alarm = config.callbacks.get("washout")
    if alarm is None or not alarm.get("stop"):
        return False
    mark = mark_of(config, {at: row for at, row in read_rows(run).items() if at <= step})
    return mark is not None and mark["noticed_at_step"] == step


def read_step(checkpoint: Path) -> int:
    """Return the number of optimizer steps done before a checkpoint was written.

    Raises:
        ValueError: if the file cannot be read as a checkpoint of a run; see
            :func:`zero_dce.weights.load_checkpoint`.
    """
    try:
        content = load_checkpoint(checkpoint)
    except ValueError as error:
        raise ValueError(_explain_earlier(str(error))) from error
    step = content.get("global_step") if isinstance(content, Mapping) else None
    if not isinstance(step, int) or not 0 <= step < MOST_STEPS:
        raise ValueError(_explain_earlier(f"{checkpoint} is not a checkpoint of a run: it holds no step"))
    return step


def _explain_earlier(wrong: str) -> str:
    return f"{wrong}\nTo continue from an earlier checkpoint, copy step-*.ckpt of the step that you want over it"


def check_network(checkpoint: Path, network: str) -> None:
    """Raise ValueError unless a checkpoint holds weights of the network that is to be trained on."""
    found = read_weights(checkpoint).network
    if found != network:
        raise ValueError(
            f"{checkpoint} holds {TITLES[found]}, but model.network is {network!r}: resume without model=, or start a "
            "new run without resume="
        )
