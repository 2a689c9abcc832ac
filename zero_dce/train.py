"""Train from the command line: compose the configuration, instantiate, fit, write the result.

``python -m zero_dce.train`` is one run, ``python -m zero_dce.train +sweep=loss_weights`` a grid of them.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import hydra
import lightning as L
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from zero_dce.callbacks.checkpoints import check_network, check_steps_left, has_ended, last_checkpoint, read_step
from zero_dce.callbacks.interruption import Interruption
from zero_dce.callbacks.processes import ProcessCheck
from zero_dce.cluster import with_cluster
from zero_dce.command_line import as_further_process, check_quotes, continue_requeued, expand_resume
from zero_dce.configuration import config_folder, is_launched, quiet, register_plugins, register_resolvers
from zero_dce.failures import explain_full_disk, explain_out_of_memory, release_memory
from zero_dce.interruption import StopSignals
from zero_dce.preflight import check_online, check_run, check_single_process
from zero_dce.records import is_first_process
from zero_dce.requeue import requeue_when_stopped
from zero_dce.run import measure, next_steps, open_loggers, record_cache, record_data, record_ended, record_result
from zero_dce.sweep_end import finish_sweep


def train(config: DictConfig) -> None:
    """Carry out one run in its folder.

    Raises:
        ValueError: if the configuration does not hold together.
        FileNotFoundError: if the data, or a checkpoint to resume from, is missing.
        MemoryError: if a batch does not fit; the message says how to go on.
        NonFiniteLossError: if a loss is NaN or infinite; the message names the term and the files.
        Interrupted: if SIGTERM, SIGUSR1 or SIGUSR2 ended the run; under SLURM the last two requeue its job.
    """
    run = Path(config.run_dir)
    in_sweep, in_sweeps_process = is_launched(HydraConfig.get()), HydraConfig.get().mode == RunMode.MULTIRUN
    processes = ProcessCheck(config)
    check_run(config, run, in_sweep)
    check_online(config)
    checkpoint = None if config.resume is None else last_checkpoint(run)
    from_step = 0
    if checkpoint is not None:
        from_step = read_step(checkpoint)
        if in_sweep and has_ended(from_step, config.trainer.max_steps):
            # Stopped while its result was written.
            record_ended(config, run)
            return
        check_steps_left(checkpoint, from_step, config.trainer.max_steps)
        check_network(checkpoint, config.model.network)
    with (
        StopSignals(pass_on=in_sweeps_process) as signals,
        requeue_when_stopped(run, signals, in_sweeps_process),
        explain_full_disk(run),
        record_result(config, run) as result,
    ):
        L.seed_everything(config.seed, workers=True, verbose=False)
        data = hydra.utils.instantiate(config.data)
        # A resumed run takes its weights from its own checkpoint.
        model = hydra.utils.instantiate(config.model, **({} if checkpoint is None else {"weights": None}))
        callbacks = [result.timer, processes, *filter(None, hydra.utils.instantiate(config.callbacks).values())]
        callbacks.append(Interruption(signals))
        data.prepare_data()
        data.setup()
        record_cache(config, data)
        if is_first_process():
            record_data(run, data, resumed=checkpoint is not None)
        with open_loggers(config, run, from_step) as loggers, explain_out_of_memory(config):
            plugins = with_cluster(config.trainer)
            trainer = hydra.utils.instantiate(config.trainer, callbacks=callbacks, logger=loggers, **plugins)
            check_single_process(trainer, in_sweeps_process)
            processes.check_start(trainer)
            result.begin(trainer)
            if config.trainer.max_steps == 0:
                measure(trainer, model, data)
            else:
                trainer.fit(model, data, ckpt_path=checkpoint, weights_only=True)
    if is_first_process() and not in_sweep:
        print(next_steps(run, trainer.global_step), flush=True)


@hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="config")
def _compose_and_train(config: DictConfig) -> None:
    try:
        train(config)
    except Exception as error:
        release_memory(error)
        if isinstance(error, ValueError | OSError | MemoryError | FloatingPointError):
            # Hydra prints this one as a message, others as a traceback. HYDRA_FULL_ERROR=1 shows it in full.
            raise CompactHydraException(f"{type(error).__name__}: {error}") from error
        raise


def main() -> None:
    """Run the command line."""
    quiet()
    register_resolvers()
    register_plugins()
    try:
        check_quotes(sys.argv[1:])
        sys.argv[1:] = as_further_process(expand_resume(continue_requeued(sys.argv[1:])))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(str(error))
    try:
        # Also between the runs of a sweep.
        with StopSignals():
            _compose_and_train()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        finish_sweep()


if __name__ == "__main__":
    main()
