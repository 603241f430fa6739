"""HTTP/1.1 of the JSON API: what cannot be read as a request is answered in JSON, too."""

import json

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.gateway.http.encoding import error_json

_BODY = json.dumps(
    error_json("INVALID_ARGUMENT", "not HTTP, or the URL is longer than 65535 bytes")
).encode()


class Protocol(HttpToolsProtocol):
    """uvicorn's, which would answer with text."""

    def send_400_response(self, msg: str) -> None:
        """Answers, and closes the connection: what follows cannot be read either."""
        head = (
            b"content-type: application/json\r\n"
            b"content-length: %d\r\n"
            b"connection: close\r\n\r\n" % len(_BODY)
        )
        self.transport.write(STATUS_LINE[400] + head + _BODY)
        self.transport.close()
