"""`recstack call`: a gRPC call by server reflection, with grpcurl's order of arguments."""

from typing import Annotated

import typer

from recstack.cli import tls
from recstack.cli.failure import Failure
from recstack.client import DEFAULT_ADDRESS
from recstack.reflection import CallFailedError, ReflectionCaller
from services.chassis.channel import open_blocking_channel


def call(
    target: Annotated[
        list[str],
        typer.Argument(
            help="[ADDRESS] PACKAGE.SERVICE/METHOD, or [ADDRESS] list [SERVICE].",
            metavar="[ADDRESS] METHOD",
        ),
    ],
    data: Annotated[str, typer.Option("-d", help="The request as JSON.")] = "{}",
    address: Annotated[str, typer.Option(help="Where to call.")] = DEFAULT_ADDRESS,
    timeout: Annotated[float, typer.Option("--max-time", "-max-time", help="Seconds.")] = 5.0,
    plaintext: Annotated[
        bool, typer.Option("-plaintext", "--plaintext", help="As in grpcurl; so without --tls-ca.")
    ] = True,
) -> None:
    """Call a gRPC method by server reflection, JSON in and out.

    The arguments are those of grpcurl, for machines that do not have it:

    recstack call -plaintext -d '{"user_id": "196"}' 127.0.0.1:50050
    recsys.gateway.v1.RecommendationService/Recommend
    """
    if ":" in target[0]:
        address, target = target[0], target[1:]
    if not target:
        raise Failure("no method given", f"`recstack call {address} list` shows the services")
    with open_blocking_channel(address, tls.given()) as channel:
        caller = ReflectionCaller(channel, timeout)
        try:
            typer.echo(_answer(caller, target, data))
        except CallFailedError as error:
            raise Failure(f"{address}: {error}") from None


def _answer(caller: ReflectionCaller, target: list[str], data: str) -> str:
    if target[0] != "list":
        return caller.call(target[0], data)
    return "\n".join(caller.methods(target[1]) if len(target) > 1 else caller.services())
