"""Public messages on items ↔ what the gateway works with. Pure."""

from recsys.gateway.v1 import gateway_pb2 as pb

from services.gateway.catalog.items import ItemInfo
from services.gateway.requests import Changed
from services.gateway.wire import catalog_errors
from services.items.record import Item


def items(request: pb.PutItemsRequest) -> list[Item]:
    """The items as they came."""
    return [
        Item(
            item.item_id,
            item.title,
            tuple(item.categories),
            tuple(item.tags),
            dict(item.attributes),
            item.text,
            item.expires_at,
        )
        for item in request.items
    ]


def put_response(ended: Changed) -> pb.PutItemsResponse:
    """The answer of PutItems."""
    return pb.PutItemsResponse(stored=ended.changed, errors=catalog_errors(ended.faults))


def hide_response(ended: Changed) -> pb.HideItemsResponse:
    """The answer of HideItems."""
    return pb.HideItemsResponse(changed=ended.changed, errors=catalog_errors(ended.faults))


def show_response(ended: Changed) -> pb.ShowItemsResponse:
    """The answer of ShowItems."""
    return pb.ShowItemsResponse(changed=ended.changed, errors=catalog_errors(ended.faults))


def expire_response(ended: Changed) -> pb.ExpireItemsResponse:
    """The answer of ExpireItems."""
    return pb.ExpireItemsResponse(changed=ended.changed, errors=catalog_errors(ended.faults))


def delete_response(ended: Changed) -> pb.DeleteItemsResponse:
    """The answer of DeleteItems."""
    return pb.DeleteItemsResponse(changed=ended.changed, errors=catalog_errors(ended.faults))


def get_response(info: ItemInfo) -> pb.GetItemResponse:
    """The answer of GetItem."""
    item = info.item
    return pb.GetItemResponse(
        item=pb.Item(
            item_id=item.item_id,
            title=item.title,
            categories=item.categories,
            tags=item.tags,
            attributes=item.attributes,
            text=item.text,
            expires_at=item.expires_at,
        ),
        state=f"ITEM_STATE_{info.state.value}",
        in_release=info.in_release,
        put_at=info.put_at,
    )
