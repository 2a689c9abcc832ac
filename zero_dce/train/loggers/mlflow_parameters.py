"""Which options of a run are its parameters in MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What is chosen there changes nothing about what is learnt.
NO_PARAMETERS = ("resume", "logger", "callbacks", "report_page", "hydra")
# Groups whose files set options of other ones, so that nothing in a configuration has their names.
GLOBAL_GROUPS = ("experiment", "sweep")


def parameters_of(settings: Mapping[str, str], names: Sequence[str], chosen: Sequence[str]) -> dict[str, str]:
    """Return what of a configuration, as :func:`zero_dce.train.loggers.tracker.flat` has it, a run's parameters are.

    Options are told by their values; a choice of a whole group is told by its name.

    >>> settings = {"seed": "0", "loss.name": "paper", "loss.weights.exp": "3.0"}
    >>> parameters_of(settings, ["seed"], ["loss=paper", "loss.weights.exp=3", "hydra.run.dir=x", "resume=x"])
    {'seed': '0', 'loss.weights.exp': '3.0', 'loss': 'paper'}
    >>> parameters_of(settings, [], ["+sweep=loss_weights", "experiment=quick"])
    {'sweep': 'loss_weights', 'experiment': 'quick'}
    """
    options, groups = list(names), {}
    for key, _, value in (override.lstrip("+~").partition("=") for override in chosen):
        group = key.partition(".")[0].partition("/")[0]
        if group in NO_PARAMETERS:
            continue
        if key in settings:
            options.append(key)
        elif key in GLOBAL_GROUPS or any(name.startswith(f"{group}.") for name in settings):
            groups[key] = value
    found = {key: value for key, value in settings.items() if any(f"{key}.".startswith(f"{name}.") for name in options)}
    return {**found, **groups}
