"""The documents: what is written is read again, what is wrong is refused by its field."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain import traffic_document, traffic_report
from services.domain.traffic import (
    AT_ONCE,
    Arm,
    Layer,
    LayerArm,
    Policy,
    PolicyError,
    Shadow,
)
from services.domain.traffic_document import MAX_AT_ONCE, MAX_BYTES, parse
from services.domain.traffic_report import Example, GatewayReport, LaneReport, ReportError

LAYER = {"name": "x", "salt": "x1", "arms": [{"name": "on", "share": 50, "parameters": {"m": 2}}]}
GOOD: dict[str, Any] = {
    "version": 7,
    "stable": "2026-11-01.1",
    "canary": "2026-11-22.1",
    "weight": 10,
    "control": 10,
    "salt": "r7",
    "layers": [LAYER],
    "lease_seconds": 5,
    "shadow": {"release": "2026-11-30.1", "percent": 5, "at_once": 2},
}
NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)


def test_a_policy_is_read() -> None:
    assert parse(json.dumps(GOOD)) == Policy(
        7,
        "2026-11-01.1",
        "2026-11-22.1",
        10.0,
        10.0,
        "r7",
        (Layer("x", "x1", (LayerArm("on", 50.0, {"m": 2.0}),)),),
        5.0,
        Shadow("2026-11-30.1", 5.0, 2),
    )


def test_most_fields_may_be_left_out() -> None:
    assert parse(b'{"version": 1, "stable": "a"}') == Policy(1, "a")
    shadow = {"release": "b", "percent": 0.5}
    policy = parse(json.dumps({"version": 1, "stable": "a", "shadow": shadow}))
    assert policy.shadow == Shadow("b", 0.5, AT_ONCE)


def test_a_shadow_is_named_with_and_without_a_lease() -> None:
    policy = parse(json.dumps(GOOD))
    assert policy.releases == ("2026-11-01.1", "2026-11-22.1", "2026-11-30.1")
    assert policy.without_canary().shadow == policy.shadow
    alone = parse(json.dumps({"version": 1, "stable": "a", "shadow": GOOD["shadow"]}))
    assert not alone.leased


@given(st.integers(0, 2**63 - 1), NAME, NAME, st.floats(0, 50), st.floats(0, 50), NAME)
def test_what_is_written_is_read_again(
    version: int, stable: str, canary: str, weight: float, control: float, salt: str
) -> None:
    layers = (Layer("x", f"{salt}x", (LayerArm("on", weight, {"m": 1.5, "t": "é"}),)),)
    shadow = Shadow(f"{stable}x", weight, 1 + version % MAX_AT_ONCE)
    policy = Policy(version, stable, canary, weight, control, salt, layers, shadow=shadow)
    assert parse(traffic_document.dump(policy)) == policy
    assert parse(traffic_document.dump(policy).encode()) == policy


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": None}, "version"),
        ({"version": -1}, "version"),
        ({"version": True}, "version"),
        ({"version": 1.0}, "version"),
        ({"version": 2**63}, "version"),
        ({"stable": None}, "stable"),
        ({"stable": ""}, "stable"),
        ({"stable": "../etc"}, "stable"),
        ({"stable": 3}, "stable"),
        ({"canary": None}, "canary"),
        ({"canary": "a b"}, "canary"),
        ({"canary": ""}, "canary: weight and control need one"),
        ({"weight": -0.1}, "weight"),
        ({"weight": 100.1}, "weight"),
        ({"weight": "10"}, "weight"),
        ({"weight": True}, "weight"),
        ({"weight": None}, "weight"),
        ({"weight": 10**400}, "weight"),
        ({"weight": 91}, "control: more than 100 percent together with weight"),
        ({"control": [1]}, "control"),
        ({"salt": ""}, "salt"),
        ({"salt": "a:b"}, "salt"),
        ({"lease_seconds": 0}, "lease_seconds"),
        ({"lease_seconds": 3601}, "lease_seconds"),
        ({"shadow": "b"}, "shadow: an object expected"),
        ({"shadow": {"percent": 5}}, "shadow.release"),
        ({"shadow": {"release": "b/", "percent": 5}}, "shadow.release"),
        ({"shadow": {"release": "b"}}, "shadow.percent"),
        ({"shadow": {"release": "b", "percent": 101}}, "shadow.percent"),
        ({"shadow": {"release": "b", "percent": -1}}, "shadow.percent"),
        ({"shadow": {"release": "b", "percent": 5, "at_once": 0}}, "shadow.at_once"),
        ({"shadow": {"release": "b", "percent": 5, "at_once": 65}}, "shadow.at_once"),
        ({"shadow": {"release": "b", "percent": 5, "at_once": 2.0}}, "shadow.at_once"),
        ({"shadow": {"release": "b", "percent": 5, "at_once": True}}, "shadow.at_once"),
        ({"shadow": {"release": "b", "percent": 5, "all": 1}}, "shadow: unknown field 'all'"),
        (
            {"shadow": {"release": "2026-11-01.1", "percent": 5}},
            "shadow.release: that is the stable release",
        ),
        ({"wieght": 5}, "policy: unknown field 'wieght'"),
        ({"layers": {}}, "layers"),
        ({"layers": [LAYER] * 17}, "layers"),
        ({"layers": ["x"]}, "layers[0]"),
        ({"layers": [LAYER, LAYER]}, "layers: name 'x' is there twice"),
        ({"layers": [LAYER, LAYER | {"name": "y"}]}, "layers: salt 'x1' is there twice"),
        ({"layers": [LAYER | {"salt": "r7"}]}, "layers: salt 'r7' is there twice"),
        ({"layers": [LAYER | {"name": "release"}]}, "layers: name 'release' is there twice"),
        (
            {"layers": [LAYER, LAYER | {"name": "y", "salt": "y"}]},
            "layers: parameter 'm' is there twice",
        ),
        ({"layers": [LAYER | {"arms": None}]}, "layers[0].arms"),
        ({"layers": [LAYER | {"arms": [{"share": 1}]}]}, "layers[0].arms[0].name"),
        ({"layers": [LAYER | {"arms": [{"name": "a"}]}]}, "layers[0].arms[0].share"),
        (
            {
                "layers": [
                    LAYER | {"arms": [{"name": "a", "share": 60}, {"name": "b", "share": 41}]}
                ]
            },
            "layers[0].arms: the shares are more than 100 percent together",
        ),
        (
            {"layers": [LAYER | {"arms": [{"name": "a", "share": 6}] * 2}]},
            "layers[0].arms: name 'a' is there twice",
        ),
        (
            {"layers": [LAYER | {"arms": [{"name": "a", "share": 6, "parameters": 3}]}]},
            "layers[0].arms[0].parameters",
        ),
        (
            {"layers": [LAYER | {"arms": [{"name": "a", "share": 6, "parameters": {"b": []}}]}]},
            "layers[0].arms[0].parameters.b",
        ),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse(json.dumps(GOOD | change))
    assert str(refused.value).startswith(named)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"[" * (MAX_BYTES - 1),
        b'{"version": 1, "stable": "a", "canary": "b", "weight": NaN}',
        b'{"version": 1, "stable": "a", "canary": "b", "weight": 1e999}',
        b'{"version": 1, "stable": "a"}' + b" " * MAX_BYTES,
    ],
)
def test_what_is_no_policy_is_refused(document: bytes) -> None:
    with pytest.raises(PolicyError):
        parse(document)


@given(st.binary(max_size=200))
def test_nothing_but_a_policy_error_is_raised(document: bytes) -> None:
    with pytest.raises(PolicyError):
        parse(document)


REPORT = GatewayReport(
    gateway="host-1-ab",
    seconds=12.5,
    version=7,
    leased=True,
    stages={"gateway": {"a": "loaded"}, "rank 127.0.0.1:50054": {"b": "refused: it is damaged"}},
    lanes=(
        LaneReport("b", Arm.CANARY, {"requests": 3.0}, {"latency": np.array([0, 3, 0], np.int64)}),
        LaneReport("b", Arm.SHADOW, {}, {}, (Example("r", ("1", "2"), ("2",), 0.5, 1.25),)),
    ),
)


def test_a_report_is_read_again() -> None:
    again = traffic_report.parse(traffic_report.dump(REPORT))
    (lane, shadow), (before, _) = again.lanes, REPORT.lanes
    assert (again.gateway, again.seconds, again.version, again.leased, again.stages) == (
        REPORT.gateway,
        REPORT.seconds,
        REPORT.version,
        REPORT.leased,
        REPORT.stages,
    )
    assert (lane.release, lane.arm, lane.sums) == (before.release, before.arm, before.sums)
    assert lane.histograms["latency"].dtype == np.int64
    np.testing.assert_array_equal(lane.histograms["latency"], before.histograms["latency"])
    assert shadow == REPORT.lanes[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gateway": ...}, "no field 'gateway'"),
        ({"seconds": "x"}, "cannot be read"),
        ({"seconds": 10**400}, "cannot be read"),
        ({"stages": []}, "cannot be read"),
        ({"lanes": [{"release": "a"}]}, "no field"),
        (
            {"lanes": [{"release": "a", "arm": "other", "sums": {}, "histograms": {}}]},
            "cannot be read",
        ),
        (
            {"lanes": [{"release": "a", "arm": "canary", "sums": {"x": 1e999}, "histograms": {}}]},
            "sums",
        ),
        (
            {"lanes": [{"release": "a", "arm": "canary", "sums": {}, "histograms": {"x": [-1]}}]},
            "histograms",
        ),
        (
            {"lanes": [{"release": "a", "arm": "canary", "sums": {}, "histograms": {"x": [[1]]}}]},
            "histograms",
        ),
        (
            {
                "lanes": [
                    {
                        "release": "a",
                        "arm": "shadow",
                        "sums": {},
                        "histograms": {},
                        "examples": [
                            {
                                "request_id": "r",
                                "stable": [],
                                "shadow": [],
                                "overlap": 1e999,
                                "latency_ratio": 1,
                            }
                        ],
                    }
                ]
            },
            "examples",
        ),
        ({"seconds": float("nan")}, "seconds, version: numbers from 0"),
        ({"seconds": -1}, "seconds, version: numbers from 0"),
        ({"version": 2**63}, "seconds, version: numbers from 0"),
    ],
)
def test_a_wrong_report_is_refused(change: dict[str, Any], message: str) -> None:
    raw = json.loads(traffic_report.dump(REPORT)) | change
    raw = {name: value for name, value in raw.items() if value is not ...}
    with pytest.raises(ReportError, match=message):
        traffic_report.parse(json.dumps(raw))
