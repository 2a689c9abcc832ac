"""Signals are noted, raised, and given back."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from zero_dce.signals import Interrupted, StopSignals, outlive_first_signal, stronger

TERM, USR1, USR2 = signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2


def test_handlers_come_and_go() -> None:
    before = [signal.getsignal(number) for number in (TERM, USR1, USR2)]
    with pytest.raises(Interrupted) as caught, StopSignals():
        signal.raise_signal(USR1)
    assert (caught.value.code, caught.value.step, caught.value.saved) == (128 + USR1, None, False)
    with StopSignals() as signals:
        signals.defer()
        for number in (TERM, USR2, USR1):
            signal.raise_signal(number)
        assert (signals.received, signals.terminated) == (USR2, True)
    assert [signal.getsignal(number) for number in (TERM, USR1, USR2)] == before
    assert stronger(None, TERM) == TERM
    assert stronger(USR1, TERM) == USR1


def interrupted_half_way() -> None:
    """What code does that a signal interrupts while an object is half made, and Hydra with its error."""
    try:
        try:
            signal.raise_signal(USR2)
        finally:
            int("half made")
    except ValueError:
        raise SystemExit(1) from None


def outlived() -> None:
    with suppress(Interrupted):
        signal.raise_signal(USR2)
    int("wrong")


def test_an_error_that_a_signal_led_to_is_the_signals() -> None:
    with pytest.raises(Interrupted) as caught, StopSignals() as signals, signals.obeyed():
        interrupted_half_way()
    assert caught.value.code == 128 + USR2
    with pytest.raises(ValueError, match="wrong"), StopSignals() as signals, signals.obeyed():
        outlived()


def test_outside_the_main_thread_nothing_is_installed() -> None:
    before, seen = signal.getsignal(TERM), []

    def open_it() -> None:
        with StopSignals():
            seen.append(signal.getsignal(TERM))

    thread = threading.Thread(target=open_it)
    thread.start()
    thread.join()
    assert seen == [before]


def test_processes_forked_from_a_run() -> None:
    """SIGTERM ends them at once, other signals are the run's; a reader of pictures outlives the first SIGTERM."""
    for is_reader, deaths in ((False, [USR1, TERM]), (True, [USR2, TERM, TERM])):
        reading, writing = os.pipe()
        with StopSignals() as signals:
            signals.defer()
            pid = os.fork()
            if pid == 0:
                if is_reader:
                    outlive_first_signal(0)
                os.write(writing, b"x")
                while True:
                    time.sleep(0.001)
            os.read(reading, 1)
            for number in deaths[:-1]:
                os.kill(pid, number)
                time.sleep(0.2)
                assert os.waitpid(pid, os.WNOHANG) == (0, 0), "it lives"
            os.kill(pid, deaths[-1])
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -TERM
            assert signals.received is None
        os.close(reading)
        os.close(writing)
