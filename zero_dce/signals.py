"""Signals that end a run early: a run that trains only notes them, and stops at the end of a step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

# A cluster sends one of these ahead of a time limit: SLURM's examples use the first, submitit the second. Windows has
# neither.
REQUEUE = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
# If several signals came, to one process or to several, the last of them in this order counts. SIGINT is Ctrl-C.
SIGNALS: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM, *REQUEUE)

_open: list[StopSignals] = []


class Interrupted(SystemExit):
    """A signal ended the run; the exit code is 128 + its number, as of a process that a signal killed.

    Args:
        number: the signal.
        step: after how many steps the run stopped; ``None`` where training had not begun.
        saved: ``last.ckpt`` is of that step.
        at_once: training had begun, and was not let come to the end of a step.

    Attributes:
        told: whether a person has been told of it.
    """

    def __init__(self, number: int, step: int | None = None, saved: bool = False, at_once: bool = False) -> None:
        super().__init__(128 + number)
        self.signal, self.step, self.saved, self.at_once = signal.Signals(number), step, saved, at_once
        self.told = False

    @property
    def cause(self) -> str:
        """What a person did or the system sent."""
        return "Ctrl-C" if self.signal == signal.SIGINT else self.signal.name


class StopSignals:
    """Context manager: take Ctrl-C, SIGTERM, SIGUSR1 and SIGUSR2 while it is open, then restore the handlers of before.

    At first a signal raises :class:`Interrupted` at once, wherever the program is: there is nothing to save yet. After
    :meth:`defer`, and after the first signal, signals are only noted, all but a second Ctrl-C. Outside the main thread,
    where Python has no signals, nothing is installed, and Ctrl-C stays ignored where it is, as by a shell's background
    job.

    Args:
        pass_on: a signal that the block has ended without obeying, as one in the last step does, goes to the handler of
            before.

    Attributes:
        received: the signal that counts so far.
        terminated: whether SIGTERM came; may be reset.
    """

    def __init__(self, pass_on: bool = False) -> None:
        self.pass_on = pass_on
        self.received: signal.Signals | None = None
        self.terminated = False
        self._deferred = False
        self._presses = 0
        self._raised: Interrupted | None = None
        self._process = os.getpid()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            taken = [number for number in SIGNALS if number != signal.SIGINT or _hears_ctrl_c()]
            self._before = {number: signal.signal(number, self._handle) for number in taken}
        _open.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        _open.remove(self)
        before, self._before = self._before, {}
        for number, handler in before.items():
            # A handler is None if it was not installed from Python, which cannot install it again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        obeyed = kind is not None and issubclass(kind, SystemExit | KeyboardInterrupt)
        if before and self.pass_on and self.received is not None and not obeyed:
            signal.raise_signal(self.received)

    def defer(self) -> None:
        """Only note signals from here on."""
        self._deferred = True

    @contextmanager
    def obeyed(self) -> Iterator[None]:
        """Context manager: what came out of the block because a signal interrupted it comes out as that.

        Code that a signal interrupts half way may fail while it puts things in order, and its error then takes the
        place of :class:`Interrupted`; Hydra makes an exit of such an error.
        """
        try:
            yield
        except BaseException as error:
            if self._raised is None or self._raised not in _chain(error):
                raise
            raise self._raised from None

    def _handle(self, number: int, _: FrameType | None) -> None:
        if os.getpid() != self._process:
            _in_child(number)
            return
        if number == signal.SIGINT:
            self._presses += 1
            if self._presses > 1:
                self._raised = Interrupted(number, at_once=self._deferred)
                raise self._raised
        first, self.received = self.received is None, stronger(self.received, signal.Signals(number))
        self.terminated |= number == signal.SIGTERM
        if first and not self._deferred:
            self._raised = Interrupted(number)
            raise self._raised


def _hears_ctrl_c() -> bool:
    return signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those in whose handling it arose."""
    while error is not None:
        yield error
        error = error.__context__


def stronger(one: signal.Signals | None, other: signal.Signals) -> signal.Signals:
    """Return which of two signals counts: one that asks to be requeued before one that does not."""
    return max(one or other, other, key=SIGNALS.index)


def _in_child(number: int) -> None:
    """What a forked process, which has inherited the handler, does: SIGTERM ends it, others are the run's alone."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def is_stopping() -> bool:
    """Tell whether a signal has come to a run of this process that goes on."""
    return any(signals.received is not None for signals in _open)


@contextmanager
def hold_signals(held: Sequence[signal.Signals] = SIGNALS) -> Iterator[None]:
    """Keep signals back until the block has ended, and for good from processes that are started in it.

    A cluster signals all processes of a job, also one that only serves the run and must not end before it.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def outlive_first_signal(_: int) -> None:
    """Let a DataLoader's process go on at a signal that reaches the whole job: the run still needs it for its step.

    A cluster signals all processes of a job, as Ctrl-C does those of a terminal, and a reader that died would end the
    run in an error. The second SIGTERM ends it: where the run itself has to end a reader, it sends two. This is a
    ``worker_init_fn`` of PyTorch, for processes that were started while signals were held back.
    """

    def once(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, once)
    for number in (signal.SIGINT, *REQUEUE):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
