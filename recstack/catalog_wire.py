"""The public protobuf messages of items and users ↔ the client's plain values; pure functions."""

from collections.abc import Iterable
from typing import Any, cast

from recsys.common.v1 import common_pb2
from recsys.gateway.v1 import gateway_pb2

from recstack import catalog_results as results


def item_message(item: results.CatalogItem) -> gateway_pb2.Item:
    return gateway_pb2.Item(
        item_id=item.item_id,
        title=item.title,
        categories=item.categories,
        tags=item.tags,
        attributes=dict(item.attributes),
        text=item.text,
        expires_at=item.expires_at,
    )


def user_message(user: results.User) -> gateway_pb2.User:
    return gateway_pb2.User(
        user_id=user.user_id, profile=dict(user.profile), preferences=user.preferences
    )


def changed(count: int, errors: Iterable[Any]) -> results.Changed:
    return results.Changed(
        count, tuple(results.CatalogError(e.index, e.field, e.message, e.retryable) for e in errors)
    )


def item_details(message: gateway_pb2.GetItemResponse) -> results.ItemDetails:
    state = gateway_pb2.ItemState.Name(message.state).removeprefix("ITEM_STATE_").lower()
    return results.ItemDetails(
        _item(message.item), cast(results.ItemState, state), message.in_release, message.put_at
    )


def user_export(message: gateway_pb2.ExportUserResponse) -> results.UserExport:
    user = message.user
    return results.UserExport(
        results.User(user.user_id, dict(user.profile), tuple(user.preferences)),
        tuple(
            results.ExportedEvent(
                _exported(event.item),
                common_pb2.EventType.Name(event.type).removeprefix("EVENT_TYPE_").lower(),
                event.time,
                event.value,
            )
            for event in message.events
        ),
        tuple(_exported(item) for item in message.shown),
        message.seen_count,
    )


def _item(m: gateway_pb2.Item) -> results.CatalogItem:
    return results.CatalogItem(
        m.item_id,
        m.title,
        tuple(m.categories),
        tuple(m.tags),
        dict(m.attributes),
        m.text,
        m.expires_at,
    )


def _exported(m: gateway_pb2.ExportedItem) -> results.ExportedItem:
    return results.ExportedItem(m.key, m.item_id)
