"""What traces cost the gateway: CPU of a request that is not traced, not sampled, and sampled.

    python -m tests.bench.tracing --releases var/releases

Stages answer at once; spans are encoded for OTLP and thrown away. Prints microseconds of CPU a
request, the best of several rounds, 600 → 200 → 20; export is in a thread and counts.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import uvloop
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from services.chassis import tracing
from services.chassis.tracing_spans import Tracing
from services.gateway.gateway import Gateway
from services.gateway.pipeline import make_gateway, open_release
from services.gateway.release import GatewayRelease
from services.gateway.requests import RecommendInput
from services.gateway.settings import GatewaySettings
from services.inference.store import ReleaseStore
from tests.bench.gateway import instant_stages, measured

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{:02}"


class Encoded(SpanExporter):
    """Does what an exporter does, but the sending."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


async def main(release: GatewayRelease) -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Encoded()))
    made = Tracing(provider)
    settings = GatewaySettings(deadline_seconds=30.0)
    plain = make_gateway(release, instant_stages(release, batched=True), settings)
    with tracing.installed(made):
        traced = make_gateway(release, instant_stages(release, batched=True), settings)

    async def off(gateway: Gateway = plain) -> None:
        await gateway.recommend(RecommendInput(user_id="196"), "id")

    async def on(flags: int) -> None:
        with made.server("request", {"traceparent": TRACE.format(flags)}):
            await off(traced)

    for name, one in {
        "off": off,
        "on, not sampled": lambda: on(0),
        "on, sampled": lambda: on(1),
    }.items():
        print(f"{name:20s} {await measured(one):8.1f} us")
    provider.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--releases", default="var/releases")
    store = ReleaseStore(parser.parse_args().releases)
    release = open_release(Path(store.fetch(store.current())), GatewaySettings())
    uvloop.run(main(release))
