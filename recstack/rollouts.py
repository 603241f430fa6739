"""Client of the rollout service: for those who run the stack."""

import getpass
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Self, TypeVar

from recsys.rollout.v1 import rollout_pb2 as pb
from recsys.rollout.v1 import rollout_pb2_grpc

from recstack.admin import TIMEOUT, AdminError, called, open_private
from services.chassis.tls import OFF, Tls
from services.rollout.record import Entry, Record, ShadowView, View
from services.rollout.wire import decode_entry, decode_rollout, decode_shadow, decode_view

M = TypeVar("M")
R = TypeVar("R")


def asker() -> str:
    """Who asks, as the audit log has it: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


class Rollouts:
    """RolloutService at `host:port`. Commands may name the rollout that is meant, by its id.

    Every call raises AdminError when the service does not answer, or says no.
    """

    def __init__(
        self, address: str, token: str, by: str = "", tls: Tls = OFF, timeout: float = TIMEOUT
    ) -> None:
        """Opens a channel.

        Args:
            address: host:port.
            token: that the service asks for.
            by: who asks, for the audit log; empty: the user of this process.
            tls: files of TLS.
            timeout: seconds a call.

        Raises:
            StartupError: the files of TLS cannot be read, or the token would go over a network in
                plain text.
        """
        self._channel = open_private(address, tls)
        self._stub = rollout_pb2_grpc.RolloutServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._call = partial(called, token, timeout)
        self._by = by or asker()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def view(self) -> View:
        """The rollout that runs or the last one, as the leader sees it now."""
        return _read(decode_view, self._call(self._stub.GetRollout, pb.GetRolloutRequest()))

    def start(self, release: str, spec: str, stable: str = "") -> Record:
        """Starts a rollout; `spec`: the plan, YAML; `stable`: to compare with, if not the usual."""
        request = pb.StartRolloutRequest(release=release, spec=spec, stable=stable, by=self._by)
        return self._changed(self._stub.StartRollout, request)

    def promote(self, why: str = "", seen: Record | None = None) -> Record:
        """The next step now; `seen`: refused when the rollout is elsewhere by now."""
        request = pb.PromoteRolloutRequest(by=self._by, why=why)
        if seen is not None:
            request.rollout, request.step = seen.rollout, seen.step
        return self._changed(self._stub.PromoteRollout, request)

    def pause(self, why: str = "", rollout: str = "") -> Record:
        """No further step; guards still take it back."""
        request = pb.PauseRolloutRequest(by=self._by, why=why, rollout=rollout)
        return self._changed(self._stub.PauseRollout, request)

    def resume(self, why: str = "", rollout: str = "") -> Record:
        """On again where it was."""
        request = pb.ResumeRolloutRequest(by=self._by, why=why, rollout=rollout)
        return self._changed(self._stub.ResumeRollout, request)

    def abort(self, why: str = "", rollout: str = "") -> Record:
        """All users back to the stable release, and the end."""
        request = pb.AbortRolloutRequest(by=self._by, why=why, rollout=rollout)
        return self._changed(self._stub.AbortRollout, request)

    def decisions(
        self, limit: int = 0, rollout: str = "", holds: bool = False
    ) -> tuple[Entry, ...]:
        """The audit log, newest first: `limit` entries at most, of one rollout or of all.

        `holds`: with every look that decided to hold.
        """
        request = pb.ListDecisionsRequest(limit=limit, rollout=rollout, holds=holds)
        answer = self._call(self._stub.ListDecisions, request)
        return tuple(_read(decode_entry, one) for one in answer.decisions)

    def start_shadow(self, release: str, percent: float, at_once: int = 0) -> ShadowView:
        """Copies requests to a release; `at_once`: most of a gateway at a time, 0: the usual."""
        request = pb.StartShadowRequest(
            release=release, percent=percent, at_once=at_once, by=self._by
        )
        return _read(decode_shadow, self._call(self._stub.StartShadow, request).shadow)

    def stop_shadow(self) -> ShadowView:
        """Ends the copying."""
        request = pb.StopShadowRequest(by=self._by)
        return _read(decode_shadow, self._call(self._stub.StopShadow, request).shadow)

    def shadow(self) -> ShadowView:
        """What the shadow did so far."""
        return _read(decode_shadow, self._call(self._stub.GetShadow, pb.GetShadowRequest()).shadow)

    def _changed(self, method: Any, request: Any) -> Record:
        return _read(decode_rollout, self._call(method, request).rollout)


def _read(decode: Callable[[M], R], message: M) -> R:
    try:
        return decode(message)
    except ValueError as error:  # a service of another version
        raise AdminError(f"the answer is not understood: {error}") from None
