"""Where each service of a stack should be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from recstack.doctor.gather.ports import Owner
from recstack.doctor.target import Target
from recstack.processes import (
    ADMIN,
    EVENTS,
    EVENTS_PORT,
    GATEWAY,
    GATEWAY_PORT,
    HTTP_PORT,
    METRICS,
    ROLLOUT,
    ROLLOUT_PORT,
    STAGES,
)
from services.chassis.address import joined

WORKER = "worker-0"
STANDALONE = "recstack.standalone"
PORTS: Mapping[str, int] = {
    GATEWAY: GATEWAY_PORT,
    **STAGES,
    EVENTS: EVENTS_PORT,
    ROLLOUT: ROLLOUT_PORT,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A process: its name, the Python module that it runs, its host and its ports.

    Attributes:
        port: of gRPC.
        metrics: of /metrics, and of the whole HTTP API of a worker.
        others: that it has as well; the first of a gateway is that of HTTP.
        metrics_host: where /metrics is, if it is not at the same host; empty: it is.
    """

    name: str
    module: str
    host: str
    port: int
    metrics: int
    others: tuple[int, ...] = ()
    metrics_host: str = ""

    @property
    def address(self) -> str:
        return joined(self.host, self.port)

    @property
    def owner(self) -> Owner:
        """Who should listen there; a worker is told as a gateway."""
        service = GATEWAY if self.shared else self.module.removeprefix("services.")
        return Owner((self.module,), f"RECSTACK_{service.upper()}_PORT", self.port)

    @property
    def shared(self) -> bool:
        """Whether other processes have the same gRPC port: it says nothing of this one."""
        return self.module == STANDALONE

    @property
    def ports(self) -> tuple[int, ...]:
        return self.port, self.metrics, *self.others


def places(target: Target) -> tuple[Place, ...]:
    """Every process of the stack, those of the gateway first."""
    stages = () if target.plan.workers else STAGES
    others = (_place(target, name) for name in (*stages, EVENTS))
    return (*_gateways(target), *others, *_rollout(target))


def _rollout(target: Target) -> Iterator[Place]:
    """Of services that are elsewhere it is one of those that are named, or nobody's business."""
    if ROLLOUT in target.at:
        yield _place(target, ROLLOUT)
    elif target.plan.has_rollout and not target.at:
        here = _place(target, ROLLOUT)
        yield replace(here, host=target.plan.rollout_host, metrics_host=here.host)


def _gateways(target: Target) -> Iterator[Place]:
    one = _place(target, GATEWAY)
    http = one.port - GATEWAY_PORT + HTTP_PORT
    for number in range(target.plan.workers):
        ports = one.metrics + number, (http, one.port + ADMIN + number)
        yield Place(f"worker-{number}", STANDALONE, one.host, one.port, *ports)
    if not target.plan.workers:
        others = (http, one.port + ADMIN)
        yield Place(one.name, one.module, one.host, one.port, one.metrics, others)


def _place(target: Target, name: str) -> Place:
    host, port = target.plan.host, target.plan.port(PORTS[name])
    if name in target.at:
        host, _, text = target.at[name].rpartition(":")
        host, port = host.strip("[]"), int(text)
    return Place(name, f"services.{name}", host, port, port + METRICS)
