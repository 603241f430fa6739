"""The processes of a stack: which there are, and what each is told through its environment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from recstack.child import Child, Probe, grpc_probe, http_probe
from recstack.workspace import Workspace
from services.chassis.address import joined

METRICS = 1000  # a metrics port is this much above the gRPC port

GATEWAY = "gateway"
GATEWAY_PORT = 50050
HTTP_PORT = 8080
REDIS_PORT = 6399

EVENTS = "events"
EVENTS_PORT = 50049  # below the gateway: above it are the metrics ports of its workers

# name → gRPC port
STAGES = {
    "feature_store": 50051,
    "recall": 50052,
    "prerank": 50053,
    "rank": 50054,
    "rerank": 50055,
}

_ON_REDIS = (GATEWAY, "feature_store", "recall", EVENTS)
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
        redis_url: the Redis of the feature store, the log, the item table and the statistics.
        pseudonym_key, page_key: key files of the pseudonyms in logs and of page tokens.
        rules: the operator's rules file, for rerank and for the gateway when rerank is down.
    """

    workspace: Workspace
    host: str
    releases: str
    workers: int = 0
    release: str = ""
    redis_url: str = ""
    pseudonym_key: str = ""
    page_key: str = ""
    rules: str = ""

    def port(self, base: int) -> int:
        return base + self.workspace.port_offset

    def address(self, base: int) -> str:
        return joined(self.host, self.port(base))

    def ports(self) -> list[int]:
        """Every port that the services listen on."""
        grpc = [GATEWAY_PORT] if self.workers else [GATEWAY_PORT, *STAGES.values()]
        own = [GATEWAY_PORT + METRICS + i for i in range(max(self.workers, 1))]
        metrics = own if self.workers else [port + METRICS for port in grpc]
        events = (EVENTS_PORT, EVENTS_PORT + METRICS)
        return [self.port(base) for base in (*grpc, *metrics, *events, HTTP_PORT)]

    def stats_urls(self) -> list[str]:
        """Where each gateway process shows its own /stats."""
        if not self.workers:
            return [f"http://{self.address(HTTP_PORT)}"]
        own = GATEWAY_PORT + METRICS
        return [f"http://{self.address(own + i)}" for i in range(self.workers)]

    def phases(self) -> list[list[Child]]:
        """The services in the order of their start; the end is the other way round."""
        if self.workers:
            workers = [self._worker(number) for number in range(self.workers)]
            return [[self._service(EVENTS, EVENTS_PORT)], workers]
        stages = [self._service(name, port) for name, port in STAGES.items()]
        return [[*stages, self._service(EVENTS, EVENTS_PORT)], [self._gateway()]]

    def _service(self, name: str, port: int) -> Child:
        environment = {**self._settings(name), "PORT": str(self.port(port))}
        environment["METRICS_PORT"] = str(self.port(port + METRICS))
        prefixed = _prefixed(name, environment)
        return self._child(name, f"services.{name}", prefixed, grpc_probe(self.address(port)))

    def _gateway(self) -> Child:
        environment = self._serving(self.port(GATEWAY_PORT + METRICS))
        for name, port in STAGES.items():
            environment[name.upper()] = self.address(port)
        prefixed = _prefixed(GATEWAY, environment)
        probe = grpc_probe(self.address(GATEWAY_PORT))
        return self._child(GATEWAY, "services.gateway", prefixed, probe)

    def _worker(self, number: int) -> Child:
        serving = {**self._serving(self.port(GATEWAY_PORT + METRICS + number)), "REUSE_PORT": "1"}
        environment = _prefixed(GATEWAY, serving)
        for name in STAGES:
            environment.update(_prefixed(name, self._settings(name)))
        return self._child(
            f"worker-{number}",
            "recstack.standalone",
            environment,
            http_probe(f"{self.stats_urls()[number]}/readyz"),
        )

    def _serving(self, metrics_port: int) -> dict[str, str]:
        return {
            **self._settings(GATEWAY),
            "PORT": str(self.port(GATEWAY_PORT)),
            "HTTP_PORT": str(self.port(HTTP_PORT)),
            "METRICS_PORT": str(metrics_port),
        }

    def _settings(self, name: str) -> dict[str, str]:
        """What a service is told wherever it runs."""
        settings = {"HOST": self.host, "RELEASES": self.releases, "RELEASE": self.release}
        if name in _ON_REDIS:
            settings["REDIS_URL"] = self.redis_url
        if name in _LOGGING and self.pseudonym_key:
            settings["PSEUDONYM_KEY_FILE"] = self.pseudonym_key
        if name == GATEWAY and self.page_key:
            settings["PAGE_KEY_FILE"] = self.page_key
        if name == EVENTS:
            settings["LOG"] = str(self.workspace.logs.resolve())
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
        )


def _prefixed(service: str, settings: Mapping[str, str]) -> dict[str, str]:
    """As the environment variables that the service's settings are read from."""
    return {f"RECSTACK_{service.upper()}_{name}": value for name, value in settings.items()}
