"""Client channels between services."""

import grpc

from services.chassis.credentials import channel_credentials
from services.chassis.tls import OFF, Tls

MAX_MESSAGE_BYTES = 16 * 1024 * 1024

OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A restarted service is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Subchannels are shared by default, and with them one connection's fate.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),  # retries are the caller's, within a budget
    # gRPC would send even 127.0.0.1 to the proxy of http_proxy.
    ("grpc.enable_http_proxy", 0),
)


def open_channel(address: str, tls: Tls = OFF) -> grpc.aio.Channel:
    """A channel to `host:port`; connects when first used, and again by itself.

    Raises:
        StartupError: a file of `tls` cannot be read.
    """
    if not tls.calls:
        return grpc.aio.insecure_channel(address, options=OPTIONS)
    return grpc.aio.secure_channel(address, channel_credentials(tls), options=OPTIONS)


def open_blocking_channel(address: str, tls: Tls = OFF) -> grpc.Channel:
    """The same for programs without an event loop."""
    if not tls.calls:
        return grpc.insecure_channel(address, options=OPTIONS)
    return grpc.secure_channel(address, channel_credentials(tls), options=OPTIONS)
