"""What people want of a rollout, and whether that can be: pure."""

import re
from dataclasses import dataclass, replace

from services.domain.traffic import Policy
from services.rollout import readiness
from services.rollout.changes import Change, Said, changed, started, stepped, taken_back
from services.rollout.errors import BadRequestError, ConflictError
from services.rollout.phase import Phase
from services.rollout.record import Kind, Record
from services.rollout.scene import Scene
from services.rollout.spec import SpecError, parse_spec
from services.rollout.trial import Trial

_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be rolled out; as Rollouts.start has it."""

    release: str
    spec: str
    stable: str
    by: str


@dataclass(frozen=True, slots=True)
class Word:
    """Of a person, to a rollout that runs.

    Attributes:
        by: who says it.
        why: why.
        rollout: the one that is meant; empty: whichever runs.
        step: the one that it was seen at; None: whichever runs.
    """

    by: str
    why: str
    rollout: str = ""
    step: int | None = None


def check(order: Order) -> None:
    """Raises BadRequestError for what makes no sense at any time."""
    check_release("release", order.release)
    if order.stable:
        check_release("stable", order.stable)
    if order.release == order.stable:
        raise BadRequestError(f"release: {order.release} is the stable one")
    try:
        parse_spec(order.spec)
    except SpecError as error:
        raise BadRequestError(f"spec: {error}") from error


def check_release(field: str, release: str) -> None:
    """Raises BadRequestError for what is no id."""
    if not _RELEASE.fullmatch(release):
        raise BadRequestError(f"{field}: {release[:80]!r} is no id of a release")


def start(scene: Scene, order: Order, rollout: str, lease_seconds: float) -> Change:
    """A rollout that is prepared; `rollout` is its id."""
    if scene.active:
        raise ConflictError(
            f"rollout {scene.active.rollout} of {scene.active.release} is {scene.active.phase}: "
            "there is one at a time"
        )
    stable = stable_of(scene, order.stable)
    if stable == order.release:
        raise BadRequestError(f"release: {stable} is the stable one already")
    base = scene.held.policy or Policy(0, stable)
    record = Record(
        version=scene.record.version if scene.record else 0,
        at=scene.record.at if scene.record else 0.0,
        rollout=rollout,
        release=order.release,
        stable=stable,
        spec=order.spec,
        phase=Phase.PREPARING,
        step=0,
        since=0.0,
        why="gateways load it",
        by=order.by,
        started_at=scene.moment.now,
        ended_at=0.0,
        policy=replace(base, lease_seconds=lease_seconds),
    )
    reasons = (f"{order.release} beside {stable}",)
    return started(record, scene.moment, Said(Kind.STARTED, reasons, order.by))


def stable_of(scene: Scene, wanted: str) -> str:
    """The release that a rollout is compared with.

    Raises:
        ConflictError: it cannot be told, or traffic says otherwise.
    """
    policy = scene.held.policy
    if policy is not None:
        if wanted not in ("", policy.stable):
            raise ConflictError(f"stable: the traffic policy says {policy.stable}, not {wanted}")
        return policy.stable
    if wanted:
        return wanted
    if scene.held.problems:
        raise ConflictError(f"{scene.held.problems[-1]}; name the stable release to replace it")
    found = readiness.agreed_stable(scene.reports)
    if not found:
        raise ConflictError("no gateway says what is stable, and there is no policy: name it")
    if len(found) > 1:
        raise ConflictError(f"gateways answer from {' and '.join(found)}: name the stable one")
    return found[0]


def promote(scene: Scene, word: Word) -> Change:
    """The next step."""
    record, trial = running(scene, word)
    if record.phase is Phase.PAUSED:
        raise ConflictError(f"rollout {record.rollout} is paused ({record.why}): resume it first")
    lacking = readiness.all_lack(scene.heard, record.policy)
    if lacking:
        raise ConflictError(f"not all gateways are ready: {'; '.join(lacking)}")
    said = _said(Kind.PROMOTED, word)
    return stepped(record, trial.spec, scene.moment, said, record.step + 1)


def pause(scene: Scene, word: Word) -> Change:
    """No further step."""
    record, _ = running(scene, word)
    if record.phase is Phase.PAUSED:
        raise ConflictError(f"rollout {record.rollout} is paused already")
    said = _said(Kind.PAUSED, word)
    return changed(record, scene.moment, said, phase=Phase.PAUSED, why=said.reasons[0])


def resume(scene: Scene, word: Word) -> Change:
    """On again."""
    record, _ = running(scene, word)
    if record.phase is not Phase.PAUSED:
        raise ConflictError(f"rollout {record.rollout} is not paused")
    said = _said(Kind.RESUMED, word)
    return changed(record, scene.moment, said, phase=Phase.RUNNING, why=said.reasons[0])


def abort(scene: Scene, word: Word) -> Change:
    """The end, whatever it does."""
    return taken_back(meant(scene, word), scene.moment, _said(Kind.ABORTED, word))


def meant(scene: Scene, word: Word) -> Record:
    """The rollout that a person speaks of; raises ConflictError."""
    record = scene.active
    if record is None:
        ended = [f"{scene.record.rollout} is {scene.record.phase}"] if scene.record else []
        raise ConflictError("; ".join(("no rollout runs", *ended, *scene.held.problems)))
    if word.rollout not in ("", record.rollout):
        raise ConflictError(f"rollout {record.rollout} runs, not {word.rollout}")
    return record


def running(scene: Scene, word: Word) -> tuple[Record, Trial]:
    """The same, of one that has users; raises ConflictError."""
    record, trial = meant(scene, word), scene.trial
    lacking = readiness.all_lack(scene.heard, record.policy)
    if record.phase is Phase.PREPARING:
        why = "; ".join(lacking or ("the first step begins now",))
        raise ConflictError(f"rollout {record.rollout} is still prepared: {why}")
    if trial is None:
        why = "; ".join(lacking or ("gateways are heard first",))
        raise ConflictError(f"rollout {record.rollout} is being taken up: {why}")
    if word.step not in (None, record.step):
        raise ConflictError(f"rollout {record.rollout} is at step {record.step + 1} by now")
    return record, trial


def _said(kind: Kind, word: Word) -> Said:
    reason = f"{kind} by {word.by}"
    return Said(kind, (f"{reason}: {word.why}" if word.why else reason,), word.by)
