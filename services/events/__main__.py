"""`python -m services.events`: a process; settings from RECSTACK_EVENTS_*."""

from functools import partial

from services.chassis.server import run
from services.chassis.settings import from_environment
from services.events.servicer import mount
from services.events.settings import EventsSettings

if __name__ == "__main__":
    settings = from_environment(EventsSettings)
    raise SystemExit(run("events", settings, partial(mount, settings)))
