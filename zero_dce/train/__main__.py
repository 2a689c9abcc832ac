"""Train from the command line: compose the configuration, run, and turn errors into messages and exit codes.

``python -m zero_dce.train`` is one run, ``python -m zero_dce.train +sweep=loss_weights`` a grid of them.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import AbstractContextManager, nullcontext


def _end_at_once(*_: object) -> None:
    print("stopped by Ctrl-C before training began", file=sys.stderr, flush=True)
    # Python would ignore an exception in some moments of an import. There is nothing to be tidied up yet.
    os._exit(128 + signal.SIGINT)


# Until the command has taken over its signals, in the first second: Python itself would show where it was importing.
if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end_at_once)

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from zero_dce.signals import Interrupted, StopSignals
from zero_dce.terminal import errors_as_messages, tell
from zero_dce.train.command_line import (
    as_further_process,
    check_quotes,
    continue_requeued,
    expand_arguments,
    expand_resume,
    given_targets,
    name_mode,
    take_allowed,
)
from zero_dce.train.configuration import (
    OF_HYDRA,
    VERSION_BASE,
    config_folder,
    find_targets,
    given_before,
    given_overrides,
    register_plugins,
    register_resolvers,
    targets_allowed,
    write_whole_files,
)
from zero_dce.train.ending import end, report_errors
from zero_dce.train.preflight import check_configuration


@hydra.main(**VERSION_BASE, config_path=str(config_folder()), config_name="config")
def compose_and_train(config: DictConfig) -> None:
    """Compose the configuration from the command line, and train; Hydra's own flags do what Hydra says."""
    check_configuration(config, given_overrides(HydraConfig.get()))
    if given_before() is not None:
        from zero_dce.train.composed import check_resolved

        check_resolved(config)
    # PyTorch, Lightning and W&B take seconds to import, for which a mistake need not wait.
    from zero_dce.train.configuration import quiet
    from zero_dce.train.failures import release_memory
    from zero_dce.train.run import train

    quiet()
    try:
        with targets_allowed(find_targets(config)):
            train(config)
    except Exception as error:
        release_memory(error)
        raise


def main() -> None:
    """Run the command line."""
    report_errors(sys.argv)
    register_resolvers()
    register_plugins()
    write_whole_files()
    try:
        # A signal between the runs of a sweep ends the sweep.
        with StopSignals() as signals, signals.obeyed():
            stored = _prepare_arguments()
            with stored, targets_allowed([OF_HYDRA, *given_targets(sys.argv[1:])]):
                compose_and_train()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Interrupted as stop:
        if not stop.told:
            tell(f"stopped by {stop.cause} before training began", file=sys.stderr)
        raise
    finally:
        end()


def _prepare_arguments() -> AbstractContextManager[None]:
    """Bring the command line into the form that Hydra reads; return what watches over stored parts of it."""
    with errors_as_messages():
        line, before = expand_arguments(sys.argv[1:]), given_before()
        check_quotes(line)
        given = line if before is None else before
        if before is None:
            # Else it is in the environment already, and the plan of a sweep gives the command line.
            line = take_allowed(line)
        asked = continue_requeued(line, own=before is None)
        expanded = expand_resume(asked, given)
        sys.argv[1:] = as_further_process(name_mode(expanded))
    if before is None and expanded == asked:
        return nullcontext()
    from zero_dce.train.composed import nothing_foreign

    return nothing_foreign(given)


if __name__ == "__main__":
    main()
