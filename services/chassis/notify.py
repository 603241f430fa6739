"""Tells whoever started the process that it serves: systemd's protocol (sd_notify(3))."""

import contextlib
import socket

READY = b"READY=1"


def ready(address: str) -> None:
    """Sends READY=1 to the datagram socket at `address`, the NOTIFY_SOCKET; empty: to nobody."""
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto(READY, name)  # nobody listens any more: nobody has to know
