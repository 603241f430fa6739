"""Addresses that a service listens on."""

from ipaddress import ip_address


def joined(host: str, port: int) -> str:
    """`host:port`; an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host; no name but localhost is looked up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
