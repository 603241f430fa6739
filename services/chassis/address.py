"""Addresses that a service listens on."""


def joined(host: str, port: int) -> str:
    """`host:port`; an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
