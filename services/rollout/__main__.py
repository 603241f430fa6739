"""`python -m services.rollout`: a process; settings from RECSTACK_ROLLOUT_*."""

from functools import partial

from services.chassis.server import run
from services.chassis.settings import from_environment
from services.rollout.servicer import guarded, mount
from services.rollout.settings import RolloutSettings

if __name__ == "__main__":
    settings = from_environment(RolloutSettings)
    work, gate = partial(mount, settings), partial(guarded, settings)
    raise SystemExit(run("rollout", settings, work, gate))
