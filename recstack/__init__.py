"""recstack: an online recommendation serving stack."""

from recstack.catalog_results import CatalogItem, User
from recstack.client import AsyncClient, Client, ClientError
from recstack.results import Event

__all__ = ["AsyncClient", "CatalogItem", "Client", "ClientError", "Event", "User"]
