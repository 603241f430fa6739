"""A bounded load without locust's page: `python -m loadtest`, `make load`, `recstack load`."""

import sys
import time

import gevent
from locust.env import Environment

from loadtest.calls import OK, REFUSED, UNREACHED, Ask, Caller
from loadtest.front_ends import FrontEnd, OpenLoop, opened, protocol
from loadtest.options import Options
from loadtest.report import Report, markdown, write
from loadtest.result import result
from loadtest.run import Run
from loadtest.slo import checks
from loadtest.summary import quantile
from services.chassis.errors import StartupError

PATIENCE = 2.0  # seconds for the first answer
NEWS = 5.0  # seconds between news


def load(options: Options) -> Report:
    """Runs a load and reports.

    Raises:
        StartupError: nothing answers, or the world of its people is not there.
    """
    reached(options)
    run, shape = Run(options), OpenLoop()
    environment = Environment(user_classes=[FrontEnd], shape_class=shape)
    runner = environment.create_local_runner()
    shape.begin(run)
    news = gevent.spawn(_tell_news, run)
    try:
        runner.start_shape()
        gevent.joinall([runner.shape_greenlet])
    finally:
        news.kill()
        runner.quit()
    return concluded(run)


def concluded(run: Run) -> Report:
    """The report of a load that has ended; written, and shown."""
    calls, sender, seconds = run.finished()
    found = result(calls, run.options, sender, seconds)
    report = Report(run.options, found, checks(found, run.options))
    print(markdown(report), flush=True)
    if run.options.report:
        print(f"\nreport: {write(report, calls)}/report.md", flush=True)
    return report


def reached(options: Options) -> None:
    """StartupError when an address that is to be called does not answer."""
    for place in range(options.connections):
        kind = protocol(place, options)
        option, addresses = (
            ("--url", options.url) if kind == "HTTP" else ("--address", options.address)
        )
        where = options.turn(addresses, place)
        caller = opened(kind, place, options)
        outcome = _answered(caller)
        caller.close()
        if outcome not in (OK, REFUSED):
            raise StartupError(
                f"no stack answers at {where} ({outcome})",
                f"start one with `make up` in another terminal, or name one with {option}",
            )


def _answered(caller: Caller) -> str:
    """How a call ends, when it is tried for a while."""
    end = time.monotonic() + PATIENCE
    while True:
        outcome = caller.ask(Ask("", "load", 1), PATIENCE).outcome
        if outcome != UNREACHED or time.monotonic() > end:
            return outcome
        gevent.sleep(0.2)


def _tell_news(run: Run) -> None:
    while True:
        gevent.sleep(NEWS)
        calls = run.recorder.calls().lists
        recent = calls.between(run.seconds - NEWS, run.seconds)
        p99 = quantile(recent.seconds, 0.99) * 1000
        print(
            f"{run.seconds:5.0f} s  {len(recent) / NEWS:6.1f} lists/s  P99 {p99:6.1f} ms"
            f"  refused {int(recent.refused.sum())}"
            f"  failed {int((~(recent.ok | recent.refused)).sum())}",
            file=sys.stderr,
        )
