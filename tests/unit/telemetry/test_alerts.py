"""Alert rules: of declared metrics, each with its runbook and its tests; promtool runs those."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.unit.telemetry.expressions import problems
from tests.unit.telemetry.files import OBSERVABILITY, PROMTOOL, ROOT, needs_promtool

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
TESTS: list[dict[str, Any]] = yaml.safe_load((OBSERVABILITY / "alerts_test.yml").read_text())[
    "tests"
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_reads_declared_metrics_and_says_what_to_do(rule: dict[str, Any]) -> None:
    assert list(problems(rule["expr"])) == []
    assert rule["labels"]["severity"] in ("page", "ticket")
    name = rule["alert"]
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    section = re.search(rf"^### {name}\n(.+?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, f"docs/operations.md has no section {name}"
    assert len(section[1].split()) > 20


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_tested_to_fire_and_to_be_silent(rule: dict[str, Any]) -> None:
    cases = [
        bool(case["exp_alerts"])
        for one in TESTS
        for case in one["alert_rule_test"]
        if case["alertname"] == rule["alert"]
    ]
    assert set(cases) == {True, False}


def test_operations_speaks_of_alerts_that_there_are() -> None:
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    assert sorted(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == sorted(
        rule["alert"] for rule in RULES
    )


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("rate(recstack_of_my_own_total[5m])", "no metric recstack_of_my_own_total"),
        ('recstack_redis_up{stage="rank"}', "recstack_redis_up has no label stage"),
        ("sum by (stage) (recstack_redis_up)", "nothing here has the label stage"),
        ("recstack_redis_duration_seconds", "no metric recstack_redis_duration_seconds"),
        ("recstack_redis_up_bucket", "no metric recstack_redis_up_bucket"),
    ],
)
def test_what_is_not_declared_is_found(expression: str, problem: str) -> None:
    assert list(problems(expression)) == [problem]


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "prometheus.yml"),
        ("check", "config", "prometheus.local.yml"),
    ],
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *arguments],
        cwd=OBSERVABILITY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
