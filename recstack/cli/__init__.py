"""The command line."""

import sys

import typer

from models.data import DataError
from models.schema.manifest import ReleaseError
from recstack.cli import (
    bootstrap,
    data,
    failure,
    item,
    release,
    rollout,
    shadow,
    simulate,
    tls,
    user,
)
from recstack.cli.call import call
from recstack.cli.certs import certs
from recstack.cli.doctor import doctor
from recstack.cli.evaluate import evaluate
from recstack.cli.event import event
from recstack.cli.explain import explain
from recstack.cli.load import PASSED_ON, load
from recstack.cli.recommend import recommend, similar
from recstack.cli.redis_users import redis_users
from recstack.cli.restart import restart
from recstack.cli.skew import skew
from recstack.cli.status import status
from recstack.cli.top import top
from recstack.cli.train import train
from recstack.cli.up import up
from services.chassis.errors import StartupError

app = typer.Typer(
    name="recstack",
    help=tls.HELP,
    callback=tls.options,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
COMMANDS = (
    up,
    train,
    evaluate,
    skew,
    recommend,
    explain,
    similar,
    event,
    top,
    call,
    certs,
    status,
    redis_users,
    doctor,
    restart,
)
for command in COMMANDS:
    app.command()(command)
app.command(**PASSED_ON)(load)
app.add_typer(bootstrap.app, name="bootstrap")
app.add_typer(data.app, name="data")
app.add_typer(item.app, name="item")
app.add_typer(release.app, name="release")
app.add_typer(rollout.app, name="rollout")
app.add_typer(shadow.app, name="shadow")
app.add_typer(simulate.app, name="simulate")
app.add_typer(user.app, name="user")


def main() -> None:
    """Runs a command. Failures are one line, what to do, and exit code 2; no stack trace."""
    try:
        app()
    except (failure.Failure, StartupError, ReleaseError) as error:
        failure.show(str(error), error.hint)
    except DataError as error:
        failure.show(str(error))
    else:
        return
    sys.exit(failure.EXIT_CODE)
