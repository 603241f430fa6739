"""The calls of CatalogService; pure.

What is taken out of answers is in none from the next request on. A bad item or user of a call fails
alone and is in `errors`. All but show_items and erase_users may reach the gateway twice and end as
if once; those two would be told, the second time, that there is nothing to show or to erase.
"""

from collections.abc import Iterable
from typing import Any, Unpack

from recsys.gateway.v1 import gateway_pb2 as pb

from recstack import catalog_wire as wire
from recstack.catalog_results import CatalogItem, Changed, ItemDetails, User, UserExport
from recstack.client.call import Call, CallOptions


def put_items(items: Iterable[CatalogItem], **options: Unpack[CallOptions]) -> Call[Changed]:
    """Adds items or replaces what is known of them; new ones are recommended within seconds."""
    request = pb.PutItemsRequest(items=map(wire.item_message, items))
    return Call("CatalogService/PutItems", request, _stored, options)


def hide_items(item_ids: Iterable[str], **options: Unpack[CallOptions]) -> Call[Changed]:
    """Takes items out of every answer; what is known of them stays."""
    return Call("CatalogService/HideItems", pb.HideItemsRequest(item_ids=item_ids), _done, options)


def show_items(item_ids: Iterable[str], **options: Unpack[CallOptions]) -> Call[Changed]:
    """Takes hidden items back into answers."""
    request = pb.ShowItemsRequest(item_ids=item_ids)
    return Call("CatalogService/ShowItems", request, _done, options, repeatable=False)


def expire_items(
    item_ids: Iterable[str], expires_at: int, **options: Unpack[CallOptions]
) -> Call[Changed]:
    """Sets when items leave every answer, unix seconds; 0: never."""
    request = pb.ExpireItemsRequest(item_ids=item_ids, expires_at=expires_at)
    return Call("CatalogService/ExpireItems", request, _done, options)


def delete_items(item_ids: Iterable[str], **options: Unpack[CallOptions]) -> Call[Changed]:
    """Takes items out of every answer, and forgets what was put of them."""
    request = pb.DeleteItemsRequest(item_ids=item_ids)
    return Call("CatalogService/DeleteItems", request, _done, options)


def get_item(item_id: str, **options: Unpack[CallOptions]) -> Call[ItemDetails]:
    """What is known of an item; NotFoundError when nothing is."""
    request = pb.GetItemRequest(item_id=item_id)
    return Call("CatalogService/GetItem", request, wire.item_details, options)


def put_users(users: Iterable[User], **options: Unpack[CallOptions]) -> Call[Changed]:
    """Replaces the profiles of users."""
    request = pb.PutUsersRequest(users=map(wire.user_message, users))
    return Call("CatalogService/PutUsers", request, _stored, options)


def erase_users(user_ids: Iterable[str], **options: Unpack[CallOptions]) -> Call[Changed]:
    """Forgets users, or with "session:<id>" anonymous visitors."""
    request = pb.EraseUsersRequest(user_ids=user_ids)
    return Call("CatalogService/EraseUsers", request, _erased, options, repeatable=False)


def export_user(user_id: str, **options: Unpack[CallOptions]) -> Call[UserExport]:
    """Everything that is stored of a user; NotFoundError when nothing is."""
    request = pb.ExportUserRequest(user_id=user_id)
    return Call("CatalogService/ExportUser", request, wire.user_export, options)


def _stored(answer: Any) -> Changed:
    return wire.changed(answer.stored, answer.errors)


def _done(answer: Any) -> Changed:
    return wire.changed(answer.changed, answer.errors)


def _erased(answer: Any) -> Changed:
    return wire.changed(answer.erased, answer.errors)
