"""Users as JSON over HTTP: put, export, erase; one a call."""

from typing import NoReturn

from fastapi import APIRouter, Response

from services.chassis.errors import InvalidArgumentError
from services.gateway.errors import NotFoundError, UnavailableError
from services.gateway.http import user_models as models
from services.gateway.http.boundary import BoundaryRoute, json_response
from services.gateway.http.encoding import export_json
from services.gateway.http.parameters import UserKey
from services.gateway.http.responses import answers
from services.gateway.requests import Fault, UserInput
from services.gateway.users import NOTHING, Users


def users_router(users: Users) -> APIRouter:
    """The calls. Their paths end where those of lists go on: add this router after those."""
    router = APIRouter(route_class=BoundaryRoute, tags=["users"])

    @router.put("/v1/users/{user_id:path}", **answers(models.Stored))
    async def put_user(user_id: UserKey, body: models.UserBody) -> Response:
        """Replaces the user's profile; the next request has it."""
        ended = await users.put([UserInput(user_id, body.profile, body.preferences)])
        if ended.faults:
            _raise(ended.faults[0])
        return json_response({"stored": ended.changed})

    @router.delete("/v1/users/{user_id:path}", **answers(models.Erased, 404))
    async def erase_user(user_id: UserKey) -> Response:
        """Forgets the user: profile, history and what was shown."""
        ended = await users.erase([user_id])
        if ended.faults:
            _raise(ended.faults[0])
        return json_response({"erased": ended.changed})

    @router.get("/v1/users/{user_id:path}", **answers(models.UserExport, 404))
    async def export_user(user_id: UserKey) -> Response:
        """Everything that is stored of the user."""
        return json_response(export_json(await users.export(user_id)))

    return router


def _raise(fault: Fault) -> NoReturn:
    if fault.retryable or not fault.field:
        raise UnavailableError(fault.message)
    if fault.message == NOTHING:
        raise NotFoundError(fault.field, fault.message)
    raise InvalidArgumentError(fault.field, fault.message)
