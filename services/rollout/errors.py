"""Why a command of a rollout is refused."""


class RolloutError(Exception):
    """Nothing was changed; the message says why, for people."""


class BadRequestError(RolloutError):
    """What was asked for makes no sense: a spec, a release, a percentage."""


class ConflictError(RolloutError):
    """It makes sense, but not now: another rollout runs, there is none, gateways disagree."""


class NotLeaderError(RolloutError):
    """Another process leads.

    Attributes:
        leader: its name; empty: nobody leads now.
    """

    def __init__(self, leader: str) -> None:
        where = f"ask {leader}, which leads" if leader else "nobody leads now, ask again"
        super().__init__(f"this process does not lead the rollouts: {where}")
        self.leader = leader
