"""recstack: an online recommendation serving stack."""

from recstack.catalog_results import CatalogItem, User
from recstack.client import (
    AsyncClient,
    Client,
    ClientError,
    DeadlineExceededError,
    InvalidRequestError,
    NotFoundError,
    Retries,
    ServerFailedError,
    Tls,
    TooManyRequestsError,
    UnavailableError,
)
from recstack.results import Event

__all__ = [
    "AsyncClient",
    "CatalogItem",
    "Client",
    "ClientError",
    "DeadlineExceededError",
    "Event",
    "InvalidRequestError",
    "NotFoundError",
    "Retries",
    "ServerFailedError",
    "Tls",
    "TooManyRequestsError",
    "UnavailableError",
    "User",
]
