"""Whether files of TLS do what they are for: a handshake of a client and a server, in memory."""

import contextlib
import ssl

from services.chassis.errors import StartupError
from services.chassis.tls import Tls, client_context, server_context


def problem_of(server: Tls, client: Tls, host: str) -> str:
    """Why a client that calls `host` and a server would not trust each other; empty: they do.

    Files, trust in both directions, dates and names are all looked at, as OpenSSL does it.
    """
    try:
        serving = server_context(server, server.calls)
        calling = client_context(client)
    except StartupError as error:
        return str(error)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        calling.wrap_bio(to_client, to_server, server_hostname=host),
        serving.wrap_bio(to_server, to_client, server_side=True),
    )
    try:
        for _ in range(10):  # three are enough
            for end in ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
        ends[1].write(b"x")
        ends[0].read(1)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError as error:
        return (error.reason or str(error)).replace("_", " ").lower()
    return ""
