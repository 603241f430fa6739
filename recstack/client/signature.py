"""How a method that makes a call looks to `help` and to editors."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, TypeVar, get_args

F = TypeVar("F", bound=Callable[..., Any])


def as_method(method: F, call: Callable[..., Any]) -> F:
    """The method with name, text and parameters of the call, `self` before them, and its result."""
    called = signature(call)
    (result,) = get_args(called.return_annotation)
    parameters = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *called.parameters.values()]
    method.__name__ = method.__qualname__ = call.__name__
    method.__doc__ = call.__doc__
    method.__signature__ = called.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=result
    )
    return method
