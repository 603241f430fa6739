"""The log of events and requests."""

from collections.abc import Iterator

from recstack.doctor.facts import Facts
from recstack.doctor.finding import Finding


def behind(facts: Facts) -> Iterator[Finding]:
    """A reader that is behind: statistics are old, or what is not filed will be dropped."""
    for reader in dict.fromkeys(backlog.reader for backlog in facts.backlogs):
        late = [
            one
            for one in facts.backlogs
            if one.reader == reader and one.age >= facts.limits.lag_seconds
        ]
        if late:
            oldest = max(late, key=lambda one: one.age)
            entries = sum(one.entries for one in late)
            yield Finding(
                "event_lag",
                f"the log is not read: its {reader} are behind",
                f"the oldest entry of {oldest.stream} waits for {oldest.age:.0f} s, {entries} "
                f"entries in {len(late)} streams",
                "see whether the events service runs and what its log says: a full disk, a lease "
                "that another process holds, or too little CPU",
            )
