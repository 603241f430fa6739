"""`locust -f loadtest/locustfile.py`: a load with locust's page; with --headless, without it.

The page shows what locust counts; its latencies count from when calls were due, as everywhere here.
When a load ends, the report is written and its verdict is the exit code. With several processes
(--processes, --master) each sends its part of the rate, and locust's own statistics are the report.
"""

import logging
from typing import Any

from locust import events
from locust.runners import LocalRunner, MasterRunner

from loadtest.front_ends import FrontEnd, OpenLoop
from loadtest.headless import concluded
from loadtest.options import add_options, options_of
from loadtest.run import Run
from services.chassis.errors import StartupError

__all__ = ["FrontEnd", "OpenLoop"]


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add(parser: Any) -> None:
    add_options(parser)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Any, **_: Any) -> None:
    runner, shape = environment.runner, environment.shape_class
    try:
        options = options_of(environment.parsed_options)
        if isinstance(runner, MasterRunner):
            environment.parsed_options.parts = runner.worker_count  # locust tells the workers
            shape.lead(options, runner.worker_count)
        else:
            parts = getattr(environment.parsed_options, "parts", 1)
            shape.begin(Run(options, runner.worker_index, parts))
    except (ValueError, StartupError) as error:
        logging.error("%s", error)
        environment.process_exit_code = 2
        shape.cancel()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def end(environment: Any, **_: Any) -> None:
    run = environment.shape_class.run
    environment.shape_class.clear()
    if isinstance(environment.runner, LocalRunner) and run is not None:
        environment.process_exit_code = 0 if concluded(run).holds else 1
