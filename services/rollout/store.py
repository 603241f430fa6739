"""What the rollout reads and writes in Redis; calls raise RedisError when it does not answer."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import redis.asyncio

from services.chassis.log import get_logger
from services.domain.traffic import Policy
from services.domain.traffic_document import LEASE_KEY, POLICY_KEY
from services.domain.traffic_report import (
    GATEWAYS_KEY,
    GatewayReport,
    ReportError,
    parse,
    report_key,
)
from services.rollout.document import DocumentError, dump_entry, parse_entry
from services.rollout.record import Entry, Kind

LEADER_KEY = "rollout:leader"
RECORD_KEY = "rollout:record"
LOG_KEY = "rollout:log"
LOOKS_KEY = "rollout:looks"
"""Looks at the evidence that changed nothing: most entries. They do not push out the rest."""

MOST_ENTRIES = 10_000
MOST_LOOKS = 7200  # 10 hours of blocks of 5 s; of ten guards 3.6 KB each
_PAGE = 500

Row = tuple[bytes, dict[bytes, bytes]]

_log = get_logger("rollout")


class FencedError(Exception):
    """Another process leads; nothing was written."""


class ChangedError(Exception):
    """Record or policy are not what was decided on; nothing was written."""


@dataclass(frozen=True, slots=True)
class Found:
    """What Redis holds at one moment; None: nothing.

    Attributes:
        leader: value of the lease.
        record: document of the record.
        policy: document of the traffic policy.
    """

    leader: str
    record: bytes | None
    policy: bytes | None


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be written at once.

    Attributes:
        record: document of the record; empty: it stays.
        policy: document of the policy; empty: it stays.
        leased: the policy from then on, when it has users under a lease.
        entry: of the audit log.
    """

    record: str = ""
    policy: str = ""
    leased: Policy | None = None
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Reports:
    """What gateways that live report, and of those whose report cannot be read what is wrong."""

    reports: tuple[GatewayReport, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def anybody(self) -> bool:
        """Whether a gateway lives."""
        return bool(self.reports or self.problems)


class Store:
    """`client`: without retries, as what was written must not be written again later."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._read, self._commit, self._leave = (
            client.register_script(
                (files(__package__) / "scripts" / f"{name}.lua").read_text("utf-8")
            )
            for name in ("read", "commit", "leave")
        )

    async def read(self, own: str, fresh: str, seconds: float) -> Found:
        """Renews the lease of the leader, or takes it, and reads.

        Args:
            own: value of the lease that was taken before; empty: none was.
            fresh: value of one that is taken now, if nobody leads.
            seconds: until it expires.
        """
        leader, record, policy = await self._read(
            keys=[LEADER_KEY, RECORD_KEY, POLICY_KEY], args=[own, fresh, int(seconds * 1000)]
        )
        return Found(leader.decode("utf-8", "replace"), record, policy)

    async def commit(self, own: str, found: Found, writing: Writing) -> None:
        """Writes, unless things have changed since they were found. `own`: value of the lease.

        Raises:
            FencedError: another process leads.
            ChangedError: record or policy are others.
        """
        leased, entry = writing.leased, writing.entry
        answer = await self._commit(
            keys=[LEADER_KEY, RECORD_KEY, POLICY_KEY, LEASE_KEY, LOG_KEY, LOOKS_KEY],
            args=[
                own,
                found.record or b"",
                found.policy or b"",
                writing.record,
                writing.policy,
                "" if leased is None else leased.version,
                0 if leased is None else int(leased.lease_seconds * 1000),
                MOST_ENTRIES,
                MOST_LOOKS,
                "" if entry is None else dump_entry(entry),
                "" if entry is None else "looks" if entry.kind is Kind.HOLD else "log",
            ],
        )
        if answer == b"FENCED":
            raise FencedError
        if answer == b"CHANGED":
            raise ChangedError

    async def leave(self, own: str) -> None:
        """Ends the lease at once."""
        await self._leave(keys=[LEADER_KEY], args=[own])

    async def reports(self) -> Reports:
        """What gateways report that have not been silent for long."""
        gateways: Any = await self._client.zrangebyscore(GATEWAYS_KEY, "-inf", "+inf")
        if not gateways:
            return Reports()
        names = [gateway.decode("utf-8", "replace") for gateway in gateways]
        reports, problems = [], []
        for name, document in zip(
            names, await self._client.mget(map(report_key, names)), strict=True
        ):
            try:
                if document is not None:  # silent since
                    reports.append(parse(document))
            except ReportError as error:
                problems.append(f"gateway {name}: {error}")
        return Reports(tuple(reports), tuple(problems))

    async def entries(self, limit: int, rollout: str = "", holds: bool = False) -> list[Entry]:
        """The newest of the audit log, newest first; of one rollout, or of all.

        `holds`: with looks that changed nothing.
        """
        keys = (LOG_KEY, LOOKS_KEY) if holds else (LOG_KEY,)
        found = [entry for key in keys for entry in await self._newest(key, limit, rollout)]
        return sorted(found, key=_order, reverse=True)[:limit]

    async def _newest(self, key: str, limit: int, rollout: str) -> list[Entry]:
        found: list[Entry] = []
        before = "+"
        while len(found) < limit:
            page: Any = await self._client.xrevrange(key, max=before, count=_PAGE)
            found += (e for e in _entries(page) if rollout in ("", e.rollout))
            if len(page) < _PAGE:
                break
            before = f"({page[-1][0].decode()}"
        return found[:limit]


def _entries(page: list[Row]) -> list[Entry]:
    """Those that can be read; a newer version may have written others."""
    found = []
    for name, fields in page:
        try:
            found.append(parse_entry(name.decode(), fields.get(b"e", b"")))
        except DocumentError as error:
            _log.warning("an entry is left out", error=str(error))
    return found


def _order(entry: Entry) -> tuple[int, ...]:
    return tuple(map(int, entry.id.split("-")))
