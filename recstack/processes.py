"""The processes of a stack: which there are, and what each is told through its environment."""

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from recstack.child import Child, Probe, grpc_probe, http_probe
from recstack.security import CLIENT, OPEN_TO_ALL, Security
from recstack.workspace import Workspace
from services.chassis.address import joined

METRICS = 1000  # a metrics port is this much above the gRPC port
ADMIN = 2000  # and so much the gateway's port of AdminService

LOOPBACK = "127.0.0.1"
GATEWAY = "gateway"
GATEWAY_PORT = 50050
HTTP_PORT = 8080
REDIS_PORT = 6399

EVENTS = "events"
EVENTS_PORT = 50049  # below the gateway: above it are the metrics ports of its workers
ROLLOUT = "rollout"
ROLLOUT_PORT = 50048

# name → gRPC port
STAGES = {
    "feature_store": 50051,
    "recall": 50052,
    "prerank": 50053,
    "rank": 50054,
    "rerank": 50055,
}

_ON_REDIS = (GATEWAY, "feature_store", "recall", EVENTS, ROLLOUT)
_LOGGING = (GATEWAY, "feature_store")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stack runs.

    Attributes:
        workspace: where it writes, and what is added to every port.
        host: address that every service listens on.
        releases: where the releases are.
        workers: 0: a process a stage; n: n processes that each hold all stages.
        release: what every stage serves.
        redis_url: the Redis of users, the log, items, statistics and rollouts.
        pseudonym_key, page_key: key files of the pseudonyms in logs and of page tokens.
        security: files of TLS, of passwords and of the token for AdminService.
        rules: the operator's rules file, for rerank and for the gateway when rerank is down.
        trace: where every service sends its spans, an OTLP endpoint; empty: nowhere.
        trace_ratio: share of the requests that are traced.
    """

    workspace: Workspace
    host: str
    releases: str
    workers: int = 0
    release: str = ""
    redis_url: str = ""
    pseudonym_key: str = ""
    page_key: str = ""
    security: Security = OPEN_TO_ALL
    rules: str = ""
    trace: str = ""
    trace_ratio: float = 1.0

    def port(self, base: int) -> int:
        return base + self.workspace.port_offset

    def address(self, base: int) -> str:
        return joined(self.host, self.port(base))

    def url(self, base: int) -> str:
        scheme = "https" if self.security.tls else "http"
        return f"{scheme}://{self.address(base)}"

    def ports(self) -> list[int]:
        """Every port that the services listen on."""
        grpc = [GATEWAY_PORT] if self.workers else [GATEWAY_PORT, *STAGES.values()]
        own = [GATEWAY_PORT + METRICS + i for i in range(max(self.workers, 1))]
        metrics = own if self.workers else [port + METRICS for port in grpc]
        admin = [port - METRICS + ADMIN for port in own]
        others = (EVENTS_PORT, ROLLOUT_PORT) if self.has_rollout else (EVENTS_PORT,)
        beside = (*others, *(port + METRICS for port in others))
        return [self.port(base) for base in (*grpc, *metrics, *admin, *beside, HTTP_PORT)]

    def stats_urls(self) -> list[str]:
        """Where each gateway process shows its own /stats."""
        if not self.workers:
            return [self.url(HTTP_PORT)]
        return [self.url(GATEWAY_PORT + METRICS + i) for i in range(self.workers)]

    def admin_addresses(self) -> list[str]:
        """Where each gateway process has its AdminService."""
        number = range(max(self.workers, 1))
        return [joined(LOOPBACK, self.port(GATEWAY_PORT + ADMIN + i)) for i in number]

    @property
    def has_rollout(self) -> bool:
        """Whether the rollout service runs: it serves nobody without a token."""
        return self.security.admin_token is not None

    @property
    def rollout_host(self) -> str:
        """Where the rollout service listens: its token goes over no network in plain text."""
        return self.host if self.security.tls else LOOPBACK

    @property
    def rollout_address(self) -> str:
        """Where the rollout service answers."""
        return joined(self.rollout_host, self.port(ROLLOUT_PORT))

    def phases(self) -> list[list[Child]]:
        """The services in the order of their start; the end is the other way round."""
        events = self._service(EVENTS, EVENTS_PORT)
        rollout = [self._rollout()] if self.has_rollout else []
        if self.workers:
            workers = [self._worker(number) for number in range(self.workers)]
            return [[events], [*workers, *rollout]]
        stages = [self._service(name, port) for name, port in STAGES.items()]
        return [[*stages, events], [self._gateway(), *rollout]]

    def _service(self, name: str, port: int) -> Child:
        prefixed = _prefixed(name, {**self._settings(name), **self._ports(port)})
        return self._child(name, f"services.{name}", prefixed, self._probe(self.address(port)))

    def _rollout(self) -> Child:
        hosts = {"HOST": self.rollout_host, "METRICS_HOST": self.host}
        told = _prefixed(ROLLOUT, {**self._settings(ROLLOUT), **self._ports(ROLLOUT_PORT), **hosts})
        probe = self._probe(self.rollout_address)
        return replace(self._child(ROLLOUT, "services.rollout", told, probe), needed=False)

    def _ports(self, port: int) -> dict[str, str]:
        return {"PORT": str(self.port(port)), "METRICS_PORT": str(self.port(port + METRICS))}

    def _gateway(self) -> Child:
        environment = self._serving(0)
        for name, port in STAGES.items():
            environment[name.upper()] = self.address(port)
        prefixed = _prefixed(GATEWAY, environment)
        probe = self._probe(self.address(GATEWAY_PORT))
        return self._child(GATEWAY, "services.gateway", prefixed, probe)

    def _worker(self, number: int) -> Child:
        environment = _prefixed(GATEWAY, self._serving(number))
        for name in STAGES:
            environment.update(_prefixed(name, self._settings(name)))
        return self._child(
            f"worker-{number}",
            "recstack.standalone",
            environment,
            http_probe(f"{self.stats_urls()[number]}/readyz", self.security.tls_of(CLIENT)),
        )

    def _probe(self, address: str) -> Probe:
        return grpc_probe(address, self.security.tls_of(CLIENT))

    def _serving(self, number: int) -> dict[str, str]:
        """What the gateway's process of this number is told."""
        return {
            **self._settings(GATEWAY),
            "PORT": str(self.port(GATEWAY_PORT)),
            "HTTP_PORT": str(self.port(HTTP_PORT)),
            "METRICS_PORT": str(self.port(GATEWAY_PORT + METRICS + number)),
            "ADMIN_PORT": str(self.port(GATEWAY_PORT + ADMIN + number)),
        }

    def _settings(self, name: str) -> dict[str, str]:
        """What a service is told wherever it runs."""
        settings = {"HOST": self.host, "RELEASES": self.releases, "RELEASE": self.release}
        settings["REUSE_PORT"] = "1"  # one that is restarted listens beside the one before
        settings.update(self.security.settings(name))
        if name in _ON_REDIS:
            settings["REDIS_URL"] = self.redis_url
        if name in _LOGGING and self.pseudonym_key:
            settings["PSEUDONYM_KEY_FILE"] = self.pseudonym_key
        if name == GATEWAY:
            settings["POLICY_FILE"] = str(self.workspace.policy.resolve())
        if name == GATEWAY and self.page_key:
            settings["PAGE_KEY_FILE"] = self.page_key
        if name == EVENTS:
            settings["LOG"] = str(self.workspace.logs.resolve())
        if self.trace:
            settings["TRACE_ENDPOINT"] = self.trace
            if name == GATEWAY:
                settings["TRACE_RATIO"] = str(self.trace_ratio)
        if self.rules and name in (GATEWAY, "rerank"):
            settings["RULES_FILE"] = self.rules
        return settings

    def _child(self, name: str, module: str, environment: Mapping[str, str], probe: Probe) -> Child:
        return Child(
            name=name,
            command=(sys.executable, "-m", module),
            environment=environment,
            log=self.workspace.logs / f"{name}.log",
            probe=probe,
            end_signal=signal.SIGINT,  # all end: nobody has to be told to go elsewhere
            doubles=True,
        )


def _prefixed(service: str, settings: Mapping[str, str]) -> dict[str, str]:
    """As the environment variables that the service's settings are read from."""
    return {f"RECSTACK_{service.upper()}_{name}": value for name, value in settings.items()}
