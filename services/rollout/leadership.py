"""The lease of the leader, what its holder knows, and a turn: read, decide, write."""

import math
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex

from services.chassis.log import get_logger
from services.chassis.redis import RedisError
from services.domain import traffic_document
from services.domain.traffic import Policy
from services.rollout import metrics
from services.rollout.changes import Change, Moment
from services.rollout.document import dump_record
from services.rollout.errors import ConflictError, NotLeaderError
from services.rollout.leader_config import LeaderConfig
from services.rollout.problems import Problems
from services.rollout.record import Record
from services.rollout.recovery import Held, is_older, recovered, understood, unknown
from services.rollout.scene import Act, Scene
from services.rollout.store import ChangedError, FencedError, Found, Reports, Store, Writing
from services.rollout.trial import Trial, after, due, look

MOST_VERSIONS = 2**53
"""No policy has as many, whatever Redis or a gateway says."""

HEARING_SECONDS = 2.0
"""Until every gateway has reported, as they do each second."""

_log = get_logger("rollout")


class Leadership:
    """Leads as long as its turns come in time. Only one turn runs at a time.

    A turn alone renews the leases, of the leader and of the canary's users: whoever is stuck, or
    cannot decide, lets them expire. What it writes counts only while it leads, and only if nothing
    has changed since it read.

    Attributes:
        record: the rollout as it was read or written last; None: none is known.
        trial: the step that runs; None: none, or another process leads.
    """

    def __init__(self, store: Store, config: LeaderConfig) -> None:
        self.record: Record | None = None
        self.trial: Trial | None = None
        self._store = store
        self._config = config
        self._own = ""  # value of the lease, while it is ours as far as is known
        self._until = -math.inf
        self._known: Found | None = None  # as read and dealt with, or written; None: just taken
        self._unsettled_at: float | None = None  # since when gateways are listened to
        self._older: Record | None = None  # that another leader has, and was told of
        self._policy_version = 0  # the highest that was seen
        self._problems = Problems()

    @property
    def holds(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return bool(self._own) and self._config.clock() < self._until

    async def turn(self) -> Scene:
        """Takes or renews the lease, decides what is due, writes it; what is known then.

        Raises:
            NotLeaderError: another process leads.
            ConflictError: Redis changed meanwhile; nothing was written.
            RedisError: it does not answer; what was written is not known.
        """
        scene, settled = await self._read(wanted=False)
        active = scene.active
        if not settled or (active and unknown(active, scene.held, scene.moment)):
            return await self._recover(scene)
        if active is None or scene.trial is None or not self._due(scene.moment.now):
            return await self.write(scene, None)
        trial, act = look(active, scene.trial, scene.moment, scene.heard)
        return await self.write(replace(scene, trial=trial), act)

    async def scene(self) -> Scene:
        """What is known now, with what gateways report.

        Nothing is decided, and the users' lease is not renewed: people are obeyed when guards fail,
        and their looking on does not keep a canary that nobody judges. Raises as `turn`.
        """
        scene, settled = await self._read(wanted=True)
        return scene if settled else await self._recover(scene)

    async def write(self, scene: Scene, act: Act, policy: Policy | None = None) -> Scene:
        """Writes what was decided, and renews the lease of the canary's users.

        Args:
            scene: what it was decided on.
            act: what was decided.
            policy: a new one that is no rollout's.

        Raises:
            NotLeaderError, ConflictError, RedisError: as `turn`.
        """
        record = act.record if isinstance(act, Change) else scene.record
        moment = scene.moment
        if isinstance(act, Change) and act.record.policy.version == moment.version:
            policy = act.record.policy
        leased = record.policy if record is not None and record.policy.leased else None
        found = scene.found
        if act is not None or leased is not None:
            found = await self._commit(found, _writing(act, policy, leased))
        trial = None
        if record is not None and not record.ended:
            trial = after(scene.trial, scene.record, record, moment.now, scene.heard)
        self._known, self.record, self.trial = found, record, trial
        self._unsettled_at = None
        if found is scene.found:
            return replace(scene, record=record, trial=trial)
        moment = replace(moment, version=moment.version + (policy is not None))
        held = understood(found)
        return Scene(moment, found, held, record, trial, scene.heard)

    async def leave(self) -> None:
        """Lets another process lead at once."""
        if self._own:
            with suppress(RedisError):  # then it expires
                await self._store.leave(self._own)
        self._lost()

    async def _recover(self, scene: Scene) -> Scene:
        """Redis holds something else than was read or written last, or others have led."""
        taken = self._known is None
        record, change = recovered(self.record, scene.held, scene.moment, taken)
        lost = taken or is_older(scene.held, self.record)
        if change is not None and change.record.policy.leased and lost and self._listens(scene):
            self.trial = None
            return replace(scene, record=record, trial=None)
        trial = None if taken else self.trial
        return await self.write(replace(scene, record=record, trial=trial), change)

    async def _read(self, wanted: bool) -> tuple[Scene, bool]:
        """Takes or renews the lease; and whether Redis holds what was read or written last.

        Args:
            wanted: whether reports of gateways are, even when there is nothing to decide on.
        """
        now, fresh = self._config.clock(), f"{token_hex(8)} {self._config.name}"
        found = await self._store.read(self._own, fresh, self._config.leader_seconds)
        if found.leader not in (self._own, fresh):
            self._lost()
            self._learn(found)
            raise NotLeaderError(found.leader.partition(" ")[2])
        if found.leader == fresh:
            self._lost()
        self._own, self._until = found.leader, now + self._config.leader_seconds
        settled, heard = self._known == found, Reports()
        if looks := wanted or not settled or self._due(now):
            heard = await self._store.reports()
        held = understood(found)
        between = not looks and self.trial is not None
        self._problems.note(held.problems, None if between else heard.problems)
        self._saw(held, heard)
        moment = Moment(now, self._config.name, self._policy_version + 1)
        return Scene(moment, found, held, self.record, self.trial, heard), settled

    def _listens(self, scene: Scene) -> bool:
        """Whether to wait: gateways, which report each second, may have seen what Redis lost."""
        if self._unsettled_at is None:
            self._unsettled_at = scene.moment.now
            _log.info("gateways are heard before the canary has users again")
        waited = scene.moment.now - self._unsettled_at
        return waited < HEARING_SECONDS or not scene.heard.anybody

    def _learn(self, found: Found) -> None:
        """From what another leader wrote, so that no older state is ever restored over it."""
        held = understood(found)
        mine = -math.inf if self.record is None else self.record.at
        if held.record is not None and held.record.at >= mine:
            self.record = held.record
        elif held.record is not None and held.record != self._older:
            self._older = held.record
            _log.warning("the leader has an older rollout than this process", at=held.record.at)
        self._saw(held, Reports())

    def _saw(self, held: Held, heard: Reports) -> None:
        policies = [one.policy for one in (self.record, held.record, held) if one is not None]
        seen = [policy.version for policy in policies if policy is not None]
        seen += [report.version for report in heard.reports]
        # What is beyond would leave no higher one for a rollback.
        sane = (version for version in seen if version < MOST_VERSIONS)
        self._policy_version = max(self._policy_version, *sane, 0)

    async def _commit(self, found: Found, writing: Writing) -> Found:
        try:
            await self._store.commit(self._own, found, writing)
        except FencedError:
            self._lost()
            raise NotLeaderError("") from None
        except ChangedError:
            raise ConflictError("Redis has changed meanwhile, ask again") from None
        if writing.entry is not None:
            metrics.count(writing.entry)
        return Found(
            found.leader,
            writing.record.encode() or found.record,
            writing.policy.encode() or found.policy,
        )

    def _due(self, now: float) -> bool:
        if self.record is None or self.trial is None:
            return False
        return due(self.record, self.trial, now, self._config.tick_seconds / 2)

    def _lost(self) -> None:
        """The record stays: Redis may come back with an older one."""
        self._own, self._until, self._known, self.trial = "", -math.inf, None, None
        self._unsettled_at = None
        metrics.EVIDENCE.clear()


def _writing(act: Act, policy: Policy | None, leased: Policy | None) -> Writing:
    return Writing(
        record=dump_record(act.record) if isinstance(act, Change) else "",
        policy=_document(policy) if policy is not None else "",
        leased=leased,
        entry=act.entry if isinstance(act, Change) else act,
    )


def _document(policy: Policy) -> str:
    """The document of a policy that gateways will take; raises PolicyError."""
    document = traffic_document.dump(policy)
    traffic_document.parse(document)
    return document
