"""`recstack redis-users`: the users of a Redis that the stack does not start itself."""

from pathlib import Path
from typing import Annotated

import typer


def redis_users(
    folder: Annotated[Path, typer.Argument(help="Of the passwords and of Redis' list.")] = Path(
        "var/secrets"
    ),
) -> None:
    """Write a password for each service, where there is none yet, and the aclfile of Redis."""
    from recstack.redis_users import USERS, password_file, write_users

    path = write_users(folder)
    for user in USERS:
        typer.echo(f"{user.name}: password in {password_file(folder, user.name)}")
    typer.echo(f"for redis.conf: aclfile {path}; a Redis that runs reads it again by ACL LOAD")
