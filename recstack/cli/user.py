"""`recstack user put|erase|export`: what is stored of users."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from recstack.catalog_results import User
from recstack.cli.failure import Failure
from recstack.cli.output import MANY_SECONDS, Address, gateway, print_errors, print_json
from recstack.cli.pairs import pairs
from recstack.client import DEFAULT_ADDRESS

app = typer.Typer(help="Put, erase and export users.", no_args_is_help=True)

Names = list[str] | None
PART = 1000
"""Users in one call."""


@app.command()
def put(
    file: Annotated[
        Path | None,
        typer.Argument(help='JSON lines: {"user_id": ..., "profile": {...}, "preferences": [...]}'),
    ] = None,
    user: Annotated[str, typer.Option(help="User id, instead of a file.")] = "",
    attribute: Annotated[Names, typer.Option(help="name=value, such as age=24.")] = None,
    preference: Annotated[Names, typer.Option(help="Category the user chose, best first.")] = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Replace the profiles of users; their next requests have them."""
    if (file is None) == (not user):
        raise Failure("give a FILE or --user, one of them")
    if file is None:
        profile = pairs("--attribute", attribute)
        users = [User(user, profile, tuple(preference or ()))]
    elif attribute or preference:
        raise Failure("--attribute and --preference go with --user, not with a FILE")
    else:
        users = _read(file)
    stored = failed = 0
    with gateway(address, MANY_SECONDS) as client:
        for start in range(0, len(users), PART):
            answer = client.put_users(users[start : start + PART])
            stored += answer.changed
            failed += len(answer.errors)
            print_errors("user", answer, [user.user_id for user in users[start : start + PART]])
    typer.echo(f"stored: {stored} of {len(users)} users")
    if failed:
        raise Failure(f"{failed} users were not stored")


@app.command()
def erase(
    user: Annotated[list[str], typer.Argument(help='User ids; "session:ID" for a session.')],
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Forget users: profile, history and what they were shown. It cannot be undone."""
    with gateway(address, MANY_SECONDS) as client:
        answer = client.erase_users(user)
    print_errors("user", answer, user)
    typer.echo(f"erased: {answer.changed} of {len(user)} users")
    if answer.errors:
        raise Failure(f"{len(answer.errors)} users were not erased")


@app.command()
def export(
    user: Annotated[str, typer.Argument(help='User id; "session:ID" for a session.')],
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Print everything that is stored of a user, as JSON."""
    with gateway(address) as client:
        print_json(client.export_user(user))


def _read(file: Path) -> list[User]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    users = [_user(file, at, line) for at, line in enumerate(lines, 1) if line.strip()]
    if not users:
        raise Failure(f"{file} has no users")
    return users


def _user(file: Path, at: int, line: str) -> User:
    try:
        fields: Any = json.loads(line)
        if not isinstance(fields, dict):
            raise ValueError("not an object")
        unknown = fields.keys() - {"user_id", "profile", "preferences"}
        if unknown:
            raise ValueError(f"unknown field {min(unknown)!r}")
        profile, chosen = fields.get("profile", {}), fields.get("preferences", [])
        if not isinstance(profile, dict) or not isinstance(chosen, list):
            raise ValueError("profile must be an object, preferences a list")
        if not _texts([fields["user_id"], *profile, *profile.values(), *chosen]):
            raise ValueError("ids, names and values must be strings")
        return User(fields["user_id"], profile, tuple(chosen))
    except KeyError:
        raise Failure(f"{file}, line {at}: no user_id") from None
    except ValueError as error:
        raise Failure(f"{file}, line {at}: {error}") from None


def _texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)
