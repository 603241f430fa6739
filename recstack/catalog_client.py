"""The calls on items and users, of both clients."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from recsys.gateway.v1 import gateway_pb2 as pb

from recstack import catalog_wire as wire
from recstack.catalog_results import CatalogItem, Changed, ItemDetails, User, UserExport

T = TypeVar("T")


class CatalogCalls:
    """Part of Client. What is taken out of answers is in none from the next request on.

    A bad item or user of a call fails alone and is in `errors`. All may be repeated, and raise
    ClientError.
    """

    _catalog: Any

    def _call(self, method: Callable[..., T], request: object) -> T:
        raise NotImplementedError

    def put_items(self, items: Iterable[CatalogItem]) -> Changed:
        """Adds items or replaces what is known of them; new ones are recommended within seconds."""
        request = pb.PutItemsRequest(items=map(wire.item_message, items))
        answer = self._call(self._catalog.PutItems, request)
        return wire.changed(answer.stored, answer.errors)

    def hide_items(self, item_ids: Iterable[str]) -> Changed:
        """Takes items out of every answer; what is known of them stays."""
        request = pb.HideItemsRequest(item_ids=item_ids)
        answer = self._call(self._catalog.HideItems, request)
        return wire.changed(answer.changed, answer.errors)

    def show_items(self, item_ids: Iterable[str]) -> Changed:
        """Takes hidden items back into answers."""
        request = pb.ShowItemsRequest(item_ids=item_ids)
        answer = self._call(self._catalog.ShowItems, request)
        return wire.changed(answer.changed, answer.errors)

    def expire_items(self, item_ids: Iterable[str], expires_at: int) -> Changed:
        """Sets when items leave every answer, unix seconds; 0: never."""
        request = pb.ExpireItemsRequest(item_ids=item_ids, expires_at=expires_at)
        answer = self._call(self._catalog.ExpireItems, request)
        return wire.changed(answer.changed, answer.errors)

    def delete_items(self, item_ids: Iterable[str]) -> Changed:
        """Takes items out of every answer, and forgets what was put of them."""
        request = pb.DeleteItemsRequest(item_ids=item_ids)
        answer = self._call(self._catalog.DeleteItems, request)
        return wire.changed(answer.changed, answer.errors)

    def get_item(self, item_id: str) -> ItemDetails:
        """What is known of an item; NotFoundError when nothing is."""
        request = pb.GetItemRequest(item_id=item_id)
        return wire.item_details(self._call(self._catalog.GetItem, request))

    def put_users(self, users: Iterable[User]) -> Changed:
        """Replaces the profiles of users."""
        request = pb.PutUsersRequest(users=map(wire.user_message, users))
        answer = self._call(self._catalog.PutUsers, request)
        return wire.changed(answer.stored, answer.errors)

    def erase_users(self, user_ids: Iterable[str]) -> Changed:
        """Forgets users, or with "session:<id>" anonymous visitors."""
        request = pb.EraseUsersRequest(user_ids=user_ids)
        answer = self._call(self._catalog.EraseUsers, request)
        return wire.changed(answer.erased, answer.errors)

    def export_user(self, user_id: str) -> UserExport:
        """Everything that is stored of a user; NotFoundError when nothing is."""
        request = pb.ExportUserRequest(user_id=user_id)
        return wire.user_export(self._call(self._catalog.ExportUser, request))


class AsyncCatalogCalls:
    """Part of AsyncClient; as CatalogCalls."""

    _catalog: Any

    async def _call(self, method: Callable[..., Awaitable[Any]], request: object) -> Any:
        raise NotImplementedError

    async def put_items(self, items: Iterable[CatalogItem]) -> Changed:
        """As Client.put_items."""
        request = pb.PutItemsRequest(items=map(wire.item_message, items))
        answer = await self._call(self._catalog.PutItems, request)
        return wire.changed(answer.stored, answer.errors)

    async def hide_items(self, item_ids: Iterable[str]) -> Changed:
        """As Client.hide_items."""
        request = pb.HideItemsRequest(item_ids=item_ids)
        answer = await self._call(self._catalog.HideItems, request)
        return wire.changed(answer.changed, answer.errors)

    async def show_items(self, item_ids: Iterable[str]) -> Changed:
        """As Client.show_items."""
        request = pb.ShowItemsRequest(item_ids=item_ids)
        answer = await self._call(self._catalog.ShowItems, request)
        return wire.changed(answer.changed, answer.errors)

    async def expire_items(self, item_ids: Iterable[str], expires_at: int) -> Changed:
        """As Client.expire_items."""
        request = pb.ExpireItemsRequest(item_ids=item_ids, expires_at=expires_at)
        answer = await self._call(self._catalog.ExpireItems, request)
        return wire.changed(answer.changed, answer.errors)

    async def delete_items(self, item_ids: Iterable[str]) -> Changed:
        """As Client.delete_items."""
        request = pb.DeleteItemsRequest(item_ids=item_ids)
        answer = await self._call(self._catalog.DeleteItems, request)
        return wire.changed(answer.changed, answer.errors)

    async def get_item(self, item_id: str) -> ItemDetails:
        """As Client.get_item."""
        request = pb.GetItemRequest(item_id=item_id)
        return wire.item_details(await self._call(self._catalog.GetItem, request))

    async def put_users(self, users: Iterable[User]) -> Changed:
        """As Client.put_users."""
        request = pb.PutUsersRequest(users=map(wire.user_message, users))
        answer = await self._call(self._catalog.PutUsers, request)
        return wire.changed(answer.stored, answer.errors)

    async def erase_users(self, user_ids: Iterable[str]) -> Changed:
        """As Client.erase_users."""
        request = pb.EraseUsersRequest(user_ids=user_ids)
        answer = await self._call(self._catalog.EraseUsers, request)
        return wire.changed(answer.erased, answer.errors)

    async def export_user(self, user_id: str) -> UserExport:
        """As Client.export_user."""
        request = pb.ExportUserRequest(user_id=user_id)
        return wire.user_export(await self._call(self._catalog.ExportUser, request))
