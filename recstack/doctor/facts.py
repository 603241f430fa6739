"""What is known of a stack: plain values, collected once. A part that could not be seen is None or
empty, and says why where that is a fact of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from recstack.doctor.traffic import Traffic

SERVING = "SERVING"


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on something is wrong.

    Attributes:
        stage_seconds: median time of a stage.
        lag_seconds: age of the oldest entry of the log that a reader has not done.
        skew_seconds: between two clocks.
        free_bytes: of a disk.
        certificate_days: until a certificate ends.
    """

    stage_seconds: float = 0.05
    lag_seconds: float = 120.0
    skew_seconds: float = 2.0
    free_bytes: int = 512 * 2**20
    certificate_days: float = 14.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service, as its ports and its log show it.

    Attributes:
        name: such as "rank".
        address: of its gRPC port, or of its HTTP port for a worker.
        listening: whether anybody listens there.
        strangers: port of its own → process of something else that listens there, where that can be
            told.
        health: SERVING, NOT_SERVING, or why there is no answer.
        releases: those it has loaded; None: it shows no metrics.
        breakers: names of its open circuit breakers.
        said: what it last said to people: why it does not start.
        certificate_until: when the certificates that it serves and calls with end, the first of
            them; unix seconds; 0 or less: it has none, or none is known.
    """

    name: str
    address: str
    listening: bool
    strangers: Mapping[int, str] = field(default_factory=dict)
    health: str = ""
    releases: tuple[str, ...] | None = None
    breakers: tuple[str, ...] = ()
    said: str = ""
    certificate_until: float = 0.0

    @property
    def serving(self) -> bool:
        return self.health == SERVING


class RedisTrouble(StrEnum):
    """Why Redis does not answer."""

    UNREACHABLE = "unreachable"
    PASSWORD = "password"
    BUSY = "busy"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class RedisUser:
    """Somebody Redis was asked as; `trouble` None: it answered."""

    name: str
    trouble: RedisTrouble | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Redis:
    """The Redis of the stack.

    Attributes:
        address: host:port, without user or password.
        users: who asks it: the operator, or the one of the address, first; then each service.
        time: its clock, unix seconds; None: it did not answer the first user.
        asked_at: ours at the same moment.
        info: what INFO says.
        own: the stack starts it itself.
        stranger: process of something else that has the port of the stack's own.
    """

    address: str
    users: tuple[RedisUser, ...]
    time: float | None = None
    asked_at: float = 0.0
    info: Mapping[str, str] = field(default_factory=dict)
    own: bool = False
    stranger: str = ""

    @property
    def trouble(self) -> RedisUser | None:
        """The first user that got no answer."""
        return next((user for user in self.users if user.trouble is not None), None)


class ReleaseTrouble(StrEnum):
    """Why a release cannot serve."""

    MISSING = "missing"
    DAMAGED = "damaged"
    SCHEMA = "schema"


@dataclass(frozen=True, slots=True)
class Release:
    """The release that should serve; `id` empty: none is named.

    Attributes:
        where: folder or URL of the releases.
        troubles: what is wrong with it, and the words of the check that says so.
    """

    where: str
    id: str
    troubles: tuple[tuple[ReleaseTrouble, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage did in lists that were explained for nobody.

    Attributes:
        seconds: time of each, in the order they were asked.
        failures: reason of each that gave nothing.
        late_before: queries of others that it answered too late, since the gateway started.
    """

    name: str
    seconds: Sequence[float]
    failures: Sequence[str] = ()
    late_before: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Lists that the gateway was asked to explain.

    Attributes:
        answers: how many there were.
        error: why there was none; empty: nobody asked, or all were answered.
        stages: in the order of the way.
        date: clock of the gateway, unix seconds, and ours at the same moment; whole seconds.
    """

    answers: int = 0
    error: str = ""
    stages: tuple[Stage, ...] = ()
    date: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """Entries of a stream of the log that a reader has not done.

    Attributes:
        stream: such as "events:0".
        reader: "counters" or "files".
        age: of the oldest of them, seconds.
        entries: how many wait in the stream.
    """

    stream: str
    reader: str
    age: float
    entries: int


@dataclass(frozen=True, slots=True)
class Disk:
    """Room for a folder that is written to; `holds`: what is in it, for people."""

    path: Path
    holds: str
    free_bytes: int
    total_bytes: int
    free_files: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A file of TLS.

    Attributes:
        until: when it ends, unix seconds; None: it cannot be read, `problem` says why.
        problem: why a handshake with it fails; empty: it does not.
    """

    file: Path
    until: float | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known; `traffic` None: Redis does not say."""

    now: float
    limits: Limits
    services: tuple[Service, ...]
    redis: Redis
    release: Release
    asked: Asked = Asked()
    backlogs: tuple[Backlog, ...] = ()
    disks: tuple[Disk, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    traffic: Traffic | None = None

    @property
    def started(self) -> bool:
        """Whether anything listens where the stack should."""
        return any(service.listening for service in self.services)
