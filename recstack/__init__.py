"""recstack: an online recommendation serving stack."""

from recstack.client import AsyncClient, Client, ClientError
from recstack.results import Event

__all__ = ["AsyncClient", "Client", "ClientError", "Event"]
