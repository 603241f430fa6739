"""`recstack bootstrap`: what a stack of containers needs before its services start."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from recstack.cli.up import DATA_HELP, say

SECRETS = Path("var/secrets")

app = typer.Typer(
    help="Make what a stack of containers needs before it starts; what is there already is kept.",
    no_args_is_help=True,
)


@app.command("secrets")
def write_secrets(
    folder: Annotated[Path, typer.Option(help="Folder of the secrets.")] = SECRETS,
) -> None:
    """Make keys, passwords and the users of Redis: files in a folder for each who reads them."""
    from recstack.container_secrets import make_secrets

    make_secrets(folder)
    say(f"secrets are in {folder}")


@app.command("release")
def release(
    data: Annotated[Path | None, typer.Option(help=DATA_HELP)] = None,
    releases: Annotated[
        str, typer.Option(help="Folder of the releases; one is trained if there is none.")
    ] = "var/releases",
    redis: Annotated[
        str, typer.Option(help="Redis of the stack.", envvar="RECSTACK_REDIS_URL")
    ] = "redis://127.0.0.1:6379/0",
    secrets: Annotated[Path, typer.Option(help="Folder of the passwords of Redis.")] = SECRETS,
) -> None:
    """Make sure that there is a release, and that Redis has its users: fetch, train, load."""
    from recstack.bootstrap import load_prepared_users
    from recstack.preparation import prepare
    from recstack.redis_users import password_file
    from services.chassis.redis import Login

    user = "feature_store"
    login = Login(user, password_file(secrets, user))
    prepared = prepare(releases, "", data, say)
    asyncio.run(load_prepared_users(redis, login, prepared, say))
    say(f"release {prepared.release.id}")
