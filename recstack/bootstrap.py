"""The users of a release, loaded into the Redis of a stack of containers."""

from collections.abc import Callable

from recstack.preparation import Prepared, fingerprint_of
from recstack.standalone import user_imports
from recstack.users import load_users, users_of
from services.chassis.errors import StartupError
from services.chassis.redis import Login
from services.domain.outcome import CallError

Say = Callable[[str], None]


async def load_prepared_users(redis_url: str, login: Login, prepared: Prepared, say: Say) -> None:
    """Loads the users of the data into the Redis at the URL, once.

    Raises:
        StartupError: Redis failed; what was loaded stays, and the next try goes on from there.
    """
    if prepared.data is None:
        return
    try:
        async with user_imports(redis_url, login) as imports:
            users = users_of(prepared.data)
            existing = await load_users(imports, fingerprint_of(prepared.data), users)
    except CallError as error:
        raise StartupError(f"the users of {prepared.data} are not loaded: {error}") from None
    if existing:
        say(f"{existing} users of {prepared.data} were in Redis already and are left as they are")
