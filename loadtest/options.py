"""What a load is told: the same options for `python -m loadtest`, `locust` and its web page."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from loadtest.crowd import Feedback
from loadtest.profiles import AFTER, PROFILES, Phase, Profile
from loadtest.timeline import CALM
from services.chassis.tls import Tls


@dataclass(frozen=True, slots=True)
class Options:
    """One load. Shares are from 0 to 1; `add_options` says what each is."""

    address: str = "127.0.0.1:50050"
    url: str = "http://127.0.0.1:8080"
    shape: str = "steady"
    rate: float = 50.0
    seconds: float = 60.0
    warm: float = 3.0
    peak: float = 3.0
    http: float = 0.0
    connections: int = 16
    deadline: float = 1.0
    k: int = 20
    people: int = 943
    world: str = ""
    feedback: Feedback = "actions"
    seed: int = 1
    p99: float = 100.0
    failures: float = 0.0
    refused: float = 0.0
    degraded: float = 0.01
    short: float = 0.01
    late: float = 0.05
    goodput: float = 0.0
    recovery: float = 5.0
    report: str = "var/load"
    ca: str = ""
    certificate: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        for name in ("http", "failures", "refused", "degraded", "short", "late", "goodput"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"--{name} is a share from 0 to 1, not {getattr(self, name):g}")
        for name in ("rate", "seconds", "peak", "deadline", "p99", "k", "people", "connections"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name} must be above 0, not {getattr(self, name):g}")
        if self.warm < 0 or self.recovery < 0:
            raise ValueError("--warm and --recovery must be at least 0")
        if self.shape == "spike":
            self._check_spike()

    def _check_spike(self) -> None:
        """A spike that no stack could pass is refused before it is sent."""
        least = AFTER * (self.recovery + CALM)
        if self.seconds < least:
            raise ValueError(
                f"--seconds must be at least {least:g} for a spike with --recovery"
                f" {self.recovery:g}: a quarter of it is left to be normal again in, for {CALM} s"
            )
        if not self.refused:
            raise ValueError(
                "--refused must be above 0 for a spike: an overloaded stack refuses on purpose;"
                " with --refused 1 any share is right"
            )

    @property
    def phases(self) -> Profile:
        """What counts."""
        return PROFILES[self.shape](self.rate, self.seconds, self.peak)

    @property
    def warming(self) -> Profile:
        """What comes before it: as it begins."""
        return (Phase("warming", self.phases[0].rate, self.warm),) if self.warm else ()

    @staticmethod
    def turn(addresses: str, place: int) -> str:
        """The address of a connection."""
        every = addresses.split(",")
        return every[place % len(every)].strip()

    @property
    def tls(self) -> Tls:
        files = (self.ca, self.certificate, self.key)
        return Tls(*(Path(file) if file else None for file in files))


HELP = {
    "address": "gRPC address of the gateway; of several, with commas, connections take turns",
    "url": "URL of the gateway's HTTP port; several as well",
    "shape": "how the rate changes: steady; steps: five, up to the rate; spike: the rate, "
    "`peak` times the rate for half the time, the rate again",
    "rate": "lists asked for a second, on average; what people then tell comes on top",
    "seconds": "how long, without warming up",
    "warm": "seconds of load before, which do not count",
    "peak": "of a spike: how many times the rate",
    "http": "share of the connections that speak HTTP; the others speak gRPC",
    "connections": "connections to the gateway, each with many people",
    "deadline": "seconds after which an answer is of no use",
    "k": "items of a list",
    "people": 'they are the users "1" to this number',
    "world": "folder of a simulated data set: people are those of its world",
    "feedback": "what is told of what people do: all, actions (no impressions) or none",
    "seed": "of arrivals and people",
    "p99": "SLO: P99 of lists in milliseconds, at most",
    "failures": "SLO: share of calls that may fail; refusals are not failures",
    "refused": "SLO: share of calls that may be refused for overload",
    "degraded": "SLO: share of lists that may be degraded",
    "short": "SLO: share of lists that may have fewer items than asked for; empty ones never may",
    "late": "share of calls that may be sent over 10 ms late: above it the load is not valid",
    "goodput": "SLO of a spike: good lists a second in the peak, as a share of the rate; 0: any",
    "recovery": "SLO of a spike: seconds until it is normal again",
    "report": "folder for reports; empty: none is written",
    "ca": "file of the CA of the gateway's certificate; empty: no TLS",
    "certificate": "file of this client's certificate, when the gateway asks for one",
    "key": "file of its key",
}
CHOICES = {"shape": tuple(PROFILES), "feedback": ("all", "actions", "none")}


def add_options(parser: Any) -> None:
    """Adds every option; `parser`: argparse's, or locust's, which shows them on its page too."""
    for field in fields(Options):
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type=type(field.default),
            default=field.default,
            choices=CHOICES.get(field.name),
            help=f"{HELP[field.name]} (%(default)s)" if field.default != "" else HELP[field.name],
        )


def options_of(given: argparse.Namespace) -> Options:
    """ValueError: a value cannot be; it names the option."""
    return Options(**{field.name: getattr(given, field.name) for field in fields(Options)})
