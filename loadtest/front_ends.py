"""Locust's users and shape.

A user of locust is a front end here: a connection to the gateway through which many people ask.
The users of one load share its arrivals; the number of users changes nothing but connections.
"""

import grpc.experimental.gevent as grpc_gevent
from locust import LoadTestShape, User, task
from locust.exception import StopUser

from loadtest.calls import OK, Answer, Caller
from loadtest.grpc_caller import GrpcCaller
from loadtest.http_caller import HttpCaller
from loadtest.options import Options
from loadtest.run import Run

grpc_gevent.init_gevent()

MARGIN = 3.0  # seconds for other processes to begin and end


class OpenLoop(LoadTestShape):
    """Starts the connections of a load, and stops when its last call has ended."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.clear()

    def clear(self) -> None:
        """No load is under way."""
        self.run: Run | None = None
        self._users = 1  # the first one makes locust say that the test starts
        self._end = float("inf")

    def begin(self, run: Run) -> None:
        """This process sends a load, or its part of one."""
        self.run = run
        self._users = run.options.connections

    def lead(self, options: Options, parts: int) -> None:
        """Other processes send; this one stops them when they must have ended."""
        self._users = options.connections * parts
        self._end = options.warm + options.seconds + options.deadline + MARGIN

    def cancel(self) -> None:
        """The load cannot begin."""
        self._end = 0.0

    def tick(self) -> tuple[int, float] | None:
        """As many users as connections, at once."""
        over = self.run is not None and self.run.over
        seconds = float(self.get_run_time())  # type: ignore[no-untyped-call]
        return None if over or seconds > self._end else (self._users, self._users)


class FrontEnd(User):
    """One connection, of gRPC or, for the share of them that was asked for, HTTP."""

    def on_start(self) -> None:
        self.load: Run | None = self.environment.shape_class.run

    @task
    def stream(self) -> None:
        """Its share of the arrivals."""
        if self.load is not None:
            place = self.load.join()
            self.protocol = protocol(place, self.load.options)
            caller = opened(self.protocol, place, self.load.options)
            try:
                self.load.stream(place, caller, self._observed)
            finally:
                caller.close()
        raise StopUser

    def _observed(self, kind: str, seconds: float, answer: Answer) -> None:
        """Tells locust, for its page and its statistics."""
        self.environment.events.request.fire(
            request_type=self.protocol,
            name=kind,
            response_time=seconds * 1000,
            response_length=len(answer.items),
            exception=None if answer.outcome == OK else CallFailedError(answer.outcome),
            context={},
        )


class CallFailedError(Exception):
    """How locust groups failures: by the name of the outcome."""


def protocol(place: int, options: Options) -> str:
    """Of a connection: the first ones speak HTTP."""
    return "HTTP" if place < round(options.connections * options.http) else "gRPC"


def opened(protocol: str, place: int, options: Options) -> Caller:
    """A connection to the gateway, the next one in turn when there are several."""
    if protocol == "HTTP":
        return HttpCaller(options.turn(options.url, place), options.tls)
    return GrpcCaller(options.turn(options.address, place), options.tls)
