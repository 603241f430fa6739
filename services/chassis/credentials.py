"""TLS of gRPC: what servers and channels make of its files."""

import grpc

from services.chassis.tls import Kept, Tls, checked_context, client_context


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Of a gRPC client; StartupError when a file cannot be read."""
    client_context(tls)  # names the file that is wrong; gRPC only fails each call
    ca, certificate, key = (None if path is None else path.read_bytes() for path in tls.files)
    return grpc.ssl_channel_credentials(ca, key, certificate)


def server_credentials(tls: Tls, ask_clients: bool) -> grpc.ServerCredentials:
    """Of a gRPC server. `ask_clients`: only clients with a certificate of the CA are served.

    Raises:
        StartupError: a file cannot be read, or certificate and key do not belong together.
    """

    def configuration() -> grpc.ServerCertificateConfiguration:
        checked_context(tls, ask_clients)  # checks that the files belong together
        certificate, key = (path.read_bytes() for path in tls.pair)
        trusted = tls.ca.read_bytes() if ask_clients and tls.ca else None
        return grpc.ssl_server_certificate_configuration([(key, certificate)], trusted)

    kept = Kept(tls, configuration)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        before = kept.value
        return None if kept.current() is before else kept.value

    return grpc.dynamic_ssl_server_credentials(kept.value, renewed, ask_clients)  # type: ignore[arg-type]
