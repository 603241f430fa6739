"""Items as JSON over HTTP, one a call."""

from fastapi import APIRouter, Response

from services.chassis.errors import InvalidArgumentError
from services.gateway.catalog.items import ItemInfo, Items
from services.gateway.errors import UnavailableError
from services.gateway.http import item_models as models
from services.gateway.http.boundary import BoundaryRoute, json_response
from services.gateway.http.encoding import Json
from services.gateway.http.parameters import ItemId
from services.gateway.http.responses import answers
from services.gateway.requests import Changed
from services.items.record import Item


def items_router(items: Items) -> APIRouter:
    """The calls. Paths that end with a word come first, also before those of other routers."""
    router = APIRouter(route_class=BoundaryRoute, tags=["items"])

    @router.post("/v1/items/{item_id:path}/hide", **answers(models.Changed))
    async def hide_item(item_id: ItemId) -> Response:
        """Takes the item out of every answer until it is shown again."""
        return _ended("changed", await items.hide([item_id]))

    @router.post("/v1/items/{item_id:path}/show", **answers(models.Changed))
    async def show_item(item_id: ItemId) -> Response:
        """Takes a hidden item back into answers."""
        return _ended("changed", await items.show([item_id]))

    @router.put("/v1/items/{item_id:path}/expiry", **answers(models.Changed))
    async def expire_item(item_id: ItemId, body: models.Expiry) -> Response:
        """Sets when the item leaves every answer."""
        return _ended("changed", await items.expire([item_id], body.expires_at))

    @router.put("/v1/items/{item_id:path}", **answers(models.Stored))
    async def put_item(item_id: ItemId, body: models.ItemBody) -> Response:
        """Adds the item or replaces what is known of it; it is recommended within seconds."""
        return _ended("stored", await items.put([_item(item_id, body)]))

    @router.delete("/v1/items/{item_id:path}", **answers(models.Changed))
    async def delete_item(item_id: ItemId) -> Response:
        """Takes the item out of every answer and forgets what was put of it."""
        return _ended("changed", await items.delete([item_id]))

    @router.get("/v1/items/{item_id:path}", **answers(models.ItemInfo, 404))
    async def get_item(item_id: ItemId) -> Response:
        """What is known of the item, and whether it may be in an answer."""
        return json_response(_info(await items.get(item_id)))

    return router


def _item(item_id: str, body: models.ItemBody) -> Item:
    return Item(
        item_id,
        body.title,
        tuple(body.categories),
        tuple(body.tags),
        body.attributes,
        body.text,
        body.expires_at,
    )


def _ended(name: str, ended: Changed) -> Response:
    """The answer of a call on one item, which fails as a call on many would report it."""
    for fault in ended.faults:
        if fault.field:
            raise InvalidArgumentError(fault.field, fault.message)
        raise UnavailableError(fault.message)
    return json_response({name: ended.changed})


def _info(info: ItemInfo) -> Json:
    item = info.item
    return {
        "item": {
            "item_id": item.item_id,
            "title": item.title,
            "categories": list(item.categories),
            "tags": list(item.tags),
            "attributes": dict(item.attributes),
            "text": item.text,
            "expires_at": item.expires_at,
        },
        "state": f"ITEM_STATE_{info.state.value}",
        "in_release": info.in_release,
        "put_at": info.put_at,
    }
