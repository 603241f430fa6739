"""CatalogService on gRPC."""

from typing import Any

import grpc
from recsys.gateway.v1 import gateway_pb2 as pb
from recsys.gateway.v1 import gateway_pb2_grpc

from services.gateway import wire as users_wire
from services.gateway.admission.priority import Priority
from services.gateway.catalog import wire
from services.gateway.catalog.items import Items
from services.gateway.servicer import Door
from services.gateway.users import Users

NAME = pb.DESCRIPTOR.services_by_name["CatalogService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


class CatalogServicer(gateway_pb2_grpc.CatalogServiceServicer):
    """Decodes, changes items and users, encodes."""

    def __init__(self, items: Items, users: Users, door: Door) -> None:
        self._items = items
        self._users = users
        self._door = door

    async def PutItems(  # noqa: N802 - the names are those of the rpcs
        self, request: pb.PutItemsRequest, context: Context
    ) -> pb.PutItemsResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            ended = await self._items.put(wire.items(request), left)
        return wire.put_response(ended)

    async def HideItems(  # noqa: N802
        self, request: pb.HideItemsRequest, context: Context
    ) -> pb.HideItemsResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            ended = await self._items.hide(request.item_ids, left)
        return wire.hide_response(ended)

    async def ShowItems(  # noqa: N802
        self, request: pb.ShowItemsRequest, context: Context
    ) -> pb.ShowItemsResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            ended = await self._items.show(request.item_ids, left)
        return wire.show_response(ended)

    async def ExpireItems(  # noqa: N802
        self, request: pb.ExpireItemsRequest, context: Context
    ) -> pb.ExpireItemsResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            ended = await self._items.expire(request.item_ids, request.expires_at, left)
        return wire.expire_response(ended)

    async def DeleteItems(  # noqa: N802
        self, request: pb.DeleteItemsRequest, context: Context
    ) -> pb.DeleteItemsResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            ended = await self._items.delete(request.item_ids, left)
        return wire.delete_response(ended)

    async def GetItem(  # noqa: N802
        self, request: pb.GetItemRequest, context: Context
    ) -> pb.GetItemResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            info = await self._items.get(request.item_id, left)
        return wire.get_response(info)

    async def PutUsers(  # noqa: N802
        self, request: pb.PutUsersRequest, context: Context
    ) -> pb.PutUsersResponse:
        given = users_wire.user_inputs(request)
        async with self._door.entered(context, Priority.WRITE) as left:
            ended = await self._users.put(given, left)
        return users_wire.put_users_response(ended)

    async def EraseUsers(  # noqa: N802
        self, request: pb.EraseUsersRequest, context: Context
    ) -> pb.EraseUsersResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            ended = await self._users.erase(request.user_ids, left)
        return users_wire.erase_users_response(ended)

    async def ExportUser(  # noqa: N802
        self, request: pb.ExportUserRequest, context: Context
    ) -> pb.ExportUserResponse:
        async with self._door.entered(context, Priority.WRITE) as left:
            export = await self._users.export(request.user_id, left)
        return users_wire.export_response(export)
