"""Runs the gateway: `python -m services.gateway`; settings from RECSTACK_GATEWAY_*."""

from services.chassis.server import run
from services.chassis.settings import from_environment
from services.gateway.mount import mounted
from services.gateway.remote import grpc_stages
from services.gateway.settings import GatewaySettings

if __name__ == "__main__":
    settings = from_environment(GatewaySettings)
    raise SystemExit(run("gateway", settings, mounted(settings, grpc_stages)))
