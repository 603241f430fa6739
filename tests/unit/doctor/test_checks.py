"""Each check over facts made by hand: silent on a healthy stack, and not on its own fault."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recstack.doctor.checks import CHECKS, examined
from recstack.doctor.facts import (
    Asked,
    Backlog,
    Certificate,
    Disk,
    Facts,
    Limits,
    Redis,
    RedisTrouble,
    RedisUser,
    Release,
    ReleaseTrouble,
    Service,
    Stage,
)
from recstack.doctor.finding import Finding, Severity
from recstack.doctor.report import lines, wrong
from recstack.doctor.traffic import Follower, Traffic

NOW = 1_800_000_000.0
DAY = 86_400.0
GIB = 2**30
GATEWAY = Service("gateway", "127.0.0.1:50050", True, {}, "SERVING", ("r1",))
RANK = Service("rank", "127.0.0.1:50054", True, {}, "SERVING", ("r1",))
EVENTS = Service("events", "127.0.0.1:50049", True, {}, "SERVING", ())
ROLLOUT = Service("rollout", "127.0.0.1:50048", True, {}, "SERVING", ())
OPERATOR, STORE = RedisUser("operator", None), RedisUser("feature_store", None)
REDIS = Redis("127.0.0.1:6399", (OPERATOR, STORE), NOW + 0.5, NOW, {"maxmemory": "0"})
STAGES = (Stage("recall", [0.01] * 3), Stage("rank", [0.02] * 3))
ASKED = Asked(3, "", STAGES, (NOW + 1, NOW))
DISK = Disk(Path("var"), "logs", 10 * GIB, 100 * GIB, 10**6)
CERTIFICATE = Certificate(Path("rank.crt"), NOW + 100 * DAY)
FOLLOWER = Follower("host-7-ab", 3)
TRAFFIC = Traffic(True, "", 3, "r1", "r2", 10.0, True, (FOLLOWER, Follower("host-8-cd", 3)))
WELL = Facts(
    NOW,
    Limits(),
    (GATEWAY, RANK, EVENTS, ROLLOUT),
    REDIS,
    Release("var/releases", "r1"),
    ASKED,
    (Backlog("events:0", "counters", 5.0, 7),),
    (DISK,),
    (CERTIFICATE,),
    TRAFFIC,
)


def refused(trouble: RedisTrouble, *, user: int = 0) -> Redis:
    users = [OPERATOR, STORE]
    users[user] = replace(users[user], trouble=trouble, message="it said why")
    return replace(REDIS, users=tuple(users))


def services(**changes: Any) -> tuple[Service, ...]:
    return GATEWAY, replace(RANK, **changes), EVENTS, ROLLOUT


def stages(**changes: Any) -> Asked:
    return replace(ASKED, stages=(STAGES[0], replace(STAGES[1], **changes)))


def traffic(**changes: Any) -> Traffic:
    return replace(TRAFFIC, **changes)


def follower(**changes: Any) -> Traffic:
    return traffic(followers=(TRAFFIC.followers[1], replace(FOLLOWER, **changes)))


def release(trouble: ReleaseTrouble) -> Release:
    return Release("var/releases", "r1", ((trouble, "it said why"),))


DOWN = {"listening": False, "health": "", "releases": None}
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("full_disk", {"disks": (replace(DISK, free_bytes=GIB // 4),)}, "256 MiB"),
    ("full_disk", {"disks": (replace(DISK, free_files=12),)}, "12 more files"),
    ("port_taken", {"services": services(strangers={50054: "process 7: nc -l"})}, "process 7: nc"),
    (
        "port_taken",
        {"redis": replace(refused(RedisTrouble.OTHER), stranger="process 7: nc -l")},
        "process 7: nc",
    ),
    ("expired_certificate", {"certificates": (replace(CERTIFICATE, until=NOW),)}, "2027-01-15"),
    ("bad_certificate", {"certificates": (replace(CERTIFICATE, problem="no CA"),)}, "no CA"),
    ("certificate_ends_soon", {"certificates": (replace(CERTIFICATE, until=NOW + DAY),)}, "2027"),
    ("certificate_not_taken", {"services": services(certificate_until=NOW)}, "until 2027-01-15"),
    ("redis_down", {"redis": refused(RedisTrouble.UNREACHABLE)}, "127.0.0.1:6399: it said why"),
    ("redis_down", {"redis": refused(RedisTrouble.BUSY)}, "it said why"),
    ("redis_down", {"redis": refused(RedisTrouble.OTHER)}, "it said why"),
    ("redis_password", {"redis": refused(RedisTrouble.PASSWORD)}, "it said why"),
    ("redis_password", {"redis": refused(RedisTrouble.PASSWORD, user=1)}, "it said why"),
    (
        "redis_cannot_write",
        {"redis": replace(REDIS, info={"aof_last_write_status": "err"})},
        "aof_last_write_status is err",
    ),
    (
        "redis_memory",
        {"redis": replace(REDIS, info={"maxmemory": "100", "used_memory": "91"})},
        "91 of 100",
    ),
    (
        "redis_evicts",
        {"redis": replace(REDIS, info={"maxmemory": "9", "maxmemory_policy": "allkeys-lru"})},
        "allkeys-lru",
    ),
    ("clock_skew", {"redis": replace(REDIS, time=NOW + 2.1)}, "2.1 s ahead"),
    ("clock_skew", {"redis": replace(REDIS, time=NOW - 2.1)}, "2.1 s behind"),
    ("clock_skew", {"asked": replace(ASKED, date=(NOW - 4, NOW))}, "4.0 s behind"),
    ("missing_release", {"release": release(ReleaseTrouble.MISSING)}, "it said why"),
    ("damaged_release", {"release": release(ReleaseTrouble.DAMAGED)}, "it said why"),
    ("schema_mismatch", {"release": release(ReleaseTrouble.SCHEMA)}, "it said why"),
    ("service_down", {"services": services(**DOWN)}, "127.0.0.1:50054"),
    ("service_down", {"services": services(**DOWN, said="no release")}, "rank said: no release"),
    ("service_silent", {"services": services(health="NOT_SERVING")}, "NOT_SERVING"),
    ("releases_differ", {"services": services(releases=("r2",))}, "rank has r2"),
    ("no_answers", {"asked": Asked(0, "RESOURCE_EXHAUSTED")}, "RESOURCE_EXHAUSTED"),
    ("slow_stage", {"asked": stages(seconds=[0.01, 0.06, 0.07])}, "median 60 ms"),
    ("slow_stage", {"asked": stages(seconds=[], failures=["TIMEOUT"] * 3)}, "3 of 3"),
    ("stage_failing", {"asked": stages(failures=["UNAVAILABLE"])}, "1 of 3: UNAVAILABLE"),
    ("breaker_open", {"services": services(breakers=("recall",))}, "circuit breaker"),
    ("event_lag", {"backlogs": (Backlog("events:1", "files", 120.0, 9),)}, "waits for 120 s, 9"),
    ("policy_malformed", {"traffic": Traffic(True, "weight: a number")}, "weight: a number"),
    ("no_rollout_leader", {"traffic": traffic(leader=False)}, "rollout:leader"),
    ("policy_behind", {"traffic": follower(version=2)}, "version 3; host-7-ab applies 2"),
    (
        "stable_missing",
        {"traffic": follower(lacking={"rank 127.0.0.1:50054": "refused: bad hash"})},
        "rank 127.0.0.1:50054: refused: bad hash",
    ),
    ("lease_expired", {"traffic": traffic(leased=False)}, "10 percent"),
]


def found(**changes: Any) -> list[Finding]:
    return examined(replace(WELL, **changes))


def test_nothing_is_found_on_a_healthy_stack() -> None:
    assert found() == []


@pytest.mark.parametrize(("fault", "change", "evidence"), FAULTS)
def test_a_fault_is_named_alone(fault: str, change: dict[str, Any], evidence: str) -> None:
    (finding,) = found(**change)
    assert finding.fault == fault
    assert evidence in finding.evidence
    assert finding.remedy


def test_every_check_has_a_fault() -> None:
    """A check is a module's function; each yields something for one of the table's faults."""
    silent = {
        name
        for name, check in CHECKS
        if not any(list(check(replace(WELL, **change))) for _, change, _ in FAULTS)
    }
    assert silent == set()


def test_a_stage_is_slow_too_when_its_breaker_opened_for_it() -> None:
    asked = stages(seconds=[], failures=["BREAKER_OPEN"] * 3, late_before=8)
    assert [one.fault for one in found(asked=asked)] == ["slow_stage", "stage_failing"]


def test_one_expired_certificate_is_named_once() -> None:
    """Those that are well fail a handshake with it, which says nothing of them."""
    expired = replace(CERTIFICATE, file=Path("ca.crt"), until=NOW - 1)
    other = replace(CERTIFICATE, problem="certificate has expired")
    (finding,) = found(certificates=(expired, other))
    assert "ca.crt" in finding.what


def test_a_stack_that_is_not_there_is_one_finding() -> None:
    gone = tuple(replace(one, **DOWN) for one in WELL.services)
    redis = replace(refused(RedisTrouble.UNREACHABLE), own=True)
    (finding,) = found(services=gone, asked=Asked(), redis=redis)
    assert finding.fault == "not_running"


def test_a_redis_that_the_stack_does_not_start_is_missed_before_it_starts() -> None:
    gone = tuple(replace(one, **DOWN) for one in WELL.services)
    faults = found(services=gone, asked=Asked(), redis=refused(RedisTrouble.UNREACHABLE))
    assert [one.fault for one in faults] == ["redis_down", "not_running"]


def test_what_a_service_said_before_it_ended_is_told_when_none_runs() -> None:
    gone = tuple(replace(one, **DOWN, said="port 50054 is taken") for one in WELL.services)
    (finding,) = found(services=gone, asked=Asked())
    assert "rank said: port 50054 is taken" in finding.evidence


def test_a_stack_without_rollouts_is_well() -> None:
    services = tuple(one for one in WELL.services if one.name != "rollout")
    for seen in (None, Traffic(), traffic(canary="", weight=0.0, leased=False)):
        assert found(services=services, traffic=seen) == []


def test_a_rollout_service_that_is_away_is_not_blamed_for_having_no_leader() -> None:
    away = tuple(replace(one, **DOWN) if one.name == "rollout" else one for one in WELL.services)
    faults = [one.fault for one in found(services=away, traffic=traffic(leader=False))]
    assert faults == ["service_down"]


def test_warnings_alone_are_no_illness() -> None:
    soon = found(certificates=(replace(CERTIFICATE, until=NOW + DAY),))
    assert [one.severity for one in soon] == [Severity.WARNING]
    assert not wrong(soon)
    assert wrong(found(disks=(replace(DISK, free_bytes=0),)))


def test_the_report_says_what_was_seen_and_what_to_do() -> None:
    facts = replace(WELL, redis=refused(RedisTrouble.UNREACHABLE))
    text = "\n".join(lines(facts, examined(facts)))
    assert "✗ Redis is down" in text
    assert "seen: 127.0.0.1:6399" in text
    assert "do:   start it" in text
    assert "1 found" in text
    assert "nothing found" in next(lines(WELL, []))
