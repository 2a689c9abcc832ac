"""The search space: Hydra's syntax for sweeps as Optuna's distributions, and a trial's point as overrides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep
from hydra.errors import HydraException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

LOG = "log"
# A run's values are rounded to so many digits: finer differences cannot be seen, and names of runs stay readable.
DIGITS = 4
HELP = (
    "Give a key several values, in hydra.sweeper.params or on the command line: interval(0.4,0.7), "
    "tag(log,interval(1,100)), int(interval(1,8)), range(1,9) or choice(a,b)"
)


@dataclass(frozen=True)
class Space:
    """The distributions of the keys that are searched, and the ``fixed`` overrides that every run gets.

    ``texts`` has each searched key as the user wrote it: ``{"loss.exp.target": "interval(0.4,0.7)"}``.
    """

    swept: dict[str, BaseDistribution]
    texts: dict[str, str]
    fixed: list[str]

    def overrides(self, point: Mapping[str, Any]) -> list[str]:
        """Return the overrides of a run: its values of the searched keys, and what all runs have."""
        return [f"{key}={_text(point[key], self.swept[key])}" for key in self.swept] + self.fixed

    def corners(self) -> list[list[str]]:
        """Return the overrides of the two points with all lowest and all highest values (of choices: first, last)."""
        lowest, highest = {}, {}
        for key, distribution in self.swept.items():
            lowest[key], highest[key] = _ends(distribution)
        return [self.overrides(lowest), self.overrides(highest)]


def read_space(params: Mapping[str, Any] | None, overrides: Sequence[str]) -> Space:
    """Read the search space from ``hydra.sweeper.params`` and the task's overrides; the last value of a key counts.

    The overrides come without the ``resume=`` of a continued sweep.

    Raises:
        ValueError: if a key's values cannot be searched, or there is nothing to search.
    """
    texts = [f"{key}={value}" for key, value in (params or {}).items()]
    texts += overrides
    try:
        parsed = {override.get_key_element(): override for override in OverridesParser.create().parse_overrides(texts)}
    except HydraException as error:
        raise ValueError(f"cannot read the search space: {error}. {HELP}") from error
    swept = {key: override for key, override in parsed.items() if override.is_sweep_override()}
    if not swept:
        raise ValueError(f"nothing to search: every key has one value. {HELP}; hydra.mode=RUN is a single run")
    return Space(
        swept={key: _distribution(override) for key, override in swept.items()},
        texts={key: override.get_value_string() for key, override in swept.items()},
        fixed=[str(override.input_line) for key, override in parsed.items() if key not in swept],
    )


def _distribution(override: Override) -> BaseDistribution:
    value = override.value()
    if not isinstance(value, Sweep):
        raise ValueError(f"{override.input_line}: expected values by name, as in choice(a,b)")
    unknown = value.tags - ({LOG} if isinstance(value, IntervalSweep) else set())
    if unknown:
        raise ValueError(
            f"{override.input_line}: the tag {', '.join(sorted(unknown))} does not go with it; expected no tag, or "
            f"tag({LOG}, interval(LOW, HIGH))"
        )
    if isinstance(value, IntervalSweep):
        return _interval(override, value)
    if isinstance(value, RangeSweep):
        return _range(override, value)
    assert isinstance(value, ChoiceSweep)
    choices = list(dict.fromkeys(override.sweep_string_iterator()))
    # Each worker would shuffle the choices into another order, but all must give the study the same ones.
    return CategoricalDistribution(sorted(choices) if value.shuffle else choices)


def _interval(override: Override, value: IntervalSweep) -> BaseDistribution:
    low, high, log = value.start, value.end, LOG in value.tags
    assert low is not None
    assert high is not None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{override.input_line}: the interval is from {low} to {high}; expected finite LOW < HIGH")
    if log and low <= 0:
        raise ValueError(
            f"{override.input_line}: the interval begins at {low}; expected more than 0 with tag(log, ...). Give a "
            "small number, as 0.01, or leave the tag out"
        )
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _range(override: Override, value: RangeSweep) -> BaseDistribution:
    count = len(list(value.range())) if value.step else 0
    if not count:
        raise ValueError(
            f"{override.input_line}: the range from {value.start} to below {value.stop} in steps of {value.step} is "
            "empty; expected range(LOW, HIGH) or range(LOW, HIGH, STEP) with LOW < HIGH"
        )
    # Decimals are added exactly: 0.1 + 0.1 + 0.1 must be 0.3.
    start, step = Decimal(str(value.start)), Decimal(str(value.step))
    low, high = sorted((start, start + (count - 1) * step))
    if all(isinstance(number, int) for number in (value.start, value.step)):
        return IntDistribution(int(low), int(high), step=int(abs(step)))
    return FloatDistribution(float(low), float(high), step=float(abs(step)))


def _ends(distribution: BaseDistribution) -> tuple[Any, Any]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0], distribution.choices[-1]
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return distribution.low, distribution.high


def _text(value: Any, distribution: BaseDistribution) -> str:
    """Write a value as in an override, rounded if it is drawn from a continuous interval."""
    if not isinstance(distribution, FloatDistribution):
        return str(value)
    low, high = distribution.low, distribution.high
    if distribution.log:
        rounded = float(f"{value:.{DIGITS}g}")
    else:
        rounded = round(value, DIGITS - 1 - math.floor(math.log10(distribution.step or high - low or 1)))
    return str(min(max(rounded, low), high))
