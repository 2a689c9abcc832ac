"""Train from the command line: compose the configuration, run, and turn errors into messages and exit codes.

``python -m zero_dce.train`` is one run, ``python -m zero_dce.train +sweep=loss_weights`` a grid of them.
"""

from __future__ import annotations

import signal
import sys

import hydra
from hydra.errors import CompactHydraException
from omegaconf import DictConfig

from zero_dce.signals import StopSignals
from zero_dce.train.command_line import as_further_process, check_quotes, continue_requeued, expand_resume
from zero_dce.train.configuration import config_folder, quiet, register_plugins, register_resolvers
from zero_dce.train.ending import end
from zero_dce.train.failures import release_memory
from zero_dce.train.run import train


@hydra.main(version_base="1.3", config_path=str(config_folder()), config_name="config")
def _compose_and_train(config: DictConfig) -> None:
    try:
        train(config)
    except Exception as error:
        release_memory(error)
        if isinstance(error, ValueError | OSError | MemoryError | FloatingPointError):
            # Hydra prints an error of this class as a message, and others as a traceback; HYDRA_FULL_ERROR=1 shows all.
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
        # A signal between the runs of a sweep ends the sweep.
        with StopSignals() as signals, signals.obeyed():
            _compose_and_train()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        end()


if __name__ == "__main__":
    main()
