"""The plan in YAML: what it may say, and what is said when it is wrong."""

from pathlib import Path

import pytest

from services.rollout.explain import explain
from services.rollout.guards import GUARDS
from services.rollout.guards.errors import Errors
from services.rollout.spec import SpecError, parse_spec, read_spec

ROOT = Path(__file__).parents[3]
STEPS = """
steps:
  - {percent: 10, seconds: 600, requests: 1000}
  - {percent: 50, seconds: 1800, requests: 5000}
  - {percent: 100}
"""
GUARDS_TEXT = "guards: {errors: {ratio: 1.5}, slow: , overlap: {least: 0.3}}\n"


def steps(*texts: str) -> str:
    return f"steps: [{', '.join(texts)}]\n{GUARDS_TEXT}"


TEN, FIFTY = (f"{{percent: {p}, seconds: 600, requests: 1}}" for p in (10, 50))
ALL = "{percent: 100}"


def test_a_plan():
    spec = parse_spec(STEPS + GUARDS_TEXT)
    assert [(s.percent, s.seconds, s.requests) for s in spec.steps] == [
        (10, 600, 1000),
        (50, 1800, 5000),
        (100, 0, 0),
    ]
    assert [guard.name for guard in spec.guards] == ["errors", "slow", "overlap"]
    assert spec.guards[0] == Errors(ratio=1.5)


def test_what_may_go_wrong_is_shared_by_the_steps_and_the_guards_that_judge():
    spec = parse_spec(STEPS + GUARDS_TEXT)
    assert spec.alpha == pytest.approx(0.01 / (2 * 2))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (steps(FIFTY, TEN, ALL), "steps: 10 percent after 50"),
        (steps(TEN, TEN, ALL), "steps: 10 percent after 10"),
        (steps(TEN, "{percent: 101}"), "steps.1.percent"),
        (steps("{percent: 0, seconds: 600, requests: 1}", ALL), "steps.0.percent"),
        (steps("{percent: -5, seconds: 600, requests: 1}", ALL), "steps.0.percent"),
        (steps("{percent: .nan, seconds: 600, requests: 1}", ALL), "steps.0.percent"),
        (steps("{percent: 75, seconds: 600, requests: 1}", ALL), "steps.0: percent 75"),
        (steps(TEN, FIFTY), "steps: the last must be 100"),
        (steps(ALL), "steps"),
        (steps("{percent: 10, seconds: 600}", ALL), "steps.0: seconds and requests"),
        (steps("{percent: 10, requests: 600}", ALL), "steps.0: seconds and requests"),
        (steps(TEN, "{percent: 100, seconds: 5}"), "steps.1: seconds and requests"),
        (steps("{percent: 10, seconds: 20, requests: 1}", ALL), "steps.0.seconds: 20"),
        (steps("{percent: 10, seconds: .inf, requests: 1}", ALL), "steps.0.seconds"),
        (steps("{percent: 10, second: 600, requests: 1}", ALL), "steps.0.second"),
        (STEPS, "guards: names and parameters"),
        (STEPS + "guards: {}", "guards: names and parameters"),
        (STEPS + "guards: [errors]", "guards: names and parameters"),
        (STEPS + "guards: {eror: }", "guards.eror: no such guard; there are errors, slow"),
        (STEPS + "guards: {errors: {rato: 2}}", "guards.errors.rato"),
        (STEPS + "guards: {errors: {ratio: 0.5}}", "guards.errors.ratio"),
        (STEPS + "guards: {errors: {ratio: .nan}}", "guards.errors.ratio"),
        (STEPS + "guards: {errors: {least: 2}}", "guards.errors.least"),
        (STEPS + "guards: {errors: {samples: 0}}", "guards.errors.samples"),
        (STEPS + "guards: {clicks: {effect: 0}}", "guards.clicks.effect"),
        (STEPS + "guards: {errors: [1]}", "guards.errors"),
        (STEPS + "guards: {overlap: }", "guards: none of them can roll back"),
        (STEPS + GUARDS_TEXT + "shadow_percent: 0", "guards.overlap: shadow_percent is 0"),
        (STEPS + GUARDS_TEXT + "false_rollbacks: 0.5", "false_rollbacks"),
        (STEPS + GUARDS_TEXT + "block_seconds: 0", "block_seconds"),
        (STEPS + GUARDS_TEXT + "block_seconds: 60\nfresh_seconds: 60", "fresh_seconds"),
        (STEPS + GUARDS_TEXT + "stpes: 1", "stpes"),
        ("steps", "keys and values"),
        ("steps: [", "not YAML"),
        ("[" * 30_000, "not YAML"),
        (
            STEPS + GUARDS_TEXT + "guards: {slow: }",
            "line 7: guards is there twice, first in line 6",
        ),
        (
            STEPS + "guards: {slow: , errors: , slow: {}}",
            "line 6: slow is there twice, first in line 6",
        ),
        (STEPS + "guards: {errors: {ratio: 2, 'ratio': 3}}", "line 6: ratio is there twice"),
        (steps("{percent: 10, percent: 5}", ALL), "line 1: percent is there twice"),
        (STEPS + GUARDS_TEXT + "since: 2026-13-45", "not YAML: month"),
        (STEPS + GUARDS_TEXT + "block_seconds: " + "9" * 5000, "not YAML"),
    ],
)
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(SpecError) as error:
        parse_spec(text)
    assert said in str(error.value)


def test_all_that_is_wrong_is_named_at_once():
    with pytest.raises(SpecError) as error:
        parse_spec(steps(FIFTY, TEN, ALL).replace("ratio", "rato").replace("slow", "slwo"))
    for said in ("10 percent after 50", "guards.errors.rato", "guards.slwo"):
        assert said in str(error.value)


def test_a_file_is_named(tmp_path):
    path = tmp_path / "plan.yaml"
    with pytest.raises(SpecError, match=r"plan\.yaml cannot be read"):
        read_spec(path)
    path.write_text("steps: []")
    with pytest.raises(SpecError, match=r"plan\.yaml: .*steps"):
        read_spec(path)
    path.write_text(STEPS + GUARDS_TEXT)
    assert read_spec(path) == parse_spec(STEPS + GUARDS_TEXT)


@pytest.mark.parametrize("name", ["default", "demo", "back"])
def test_the_plans_that_ship_can_be_followed(name):
    plan = read_spec(ROOT / "deploy" / "rollout" / f"{name}.yaml")
    assert plan.steps[-1].percent == 100


def test_a_plan_in_words():
    every = "guards: {" + ", ".join(f"{guard.name}: " for guard in GUARDS) + "}"
    lines = explain(parse_spec(STEPS + every))
    assert lines[0].startswith("1. 10 % of the users")
    assert "10 min and 1,000 requests" in lines[0]
    assert lines[2].startswith("3. 100 %")
    for guard in GUARDS:
        assert any(line.strip(" (").startswith(f"{guard.name}:") for line in lines), guard.name
    text = "\n".join(lines)
    assert "evidence of 1,800 to 1" in text
    assert "at most 1 % of rollouts" in text
    assert "At the soonest all users have the new release after 40 min" in text


@pytest.mark.parametrize(
    ("percent", "told"),
    [
        (0, []),
        (2.5, ["Meanwhile 2.5 % of the stable users' requests are copied to the new release"]),
    ],
)
def test_the_shadow_is_in_the_words(percent, told):
    lines = explain(parse_spec(STEPS + f"guards: {{errors: }}\nshadow_percent: {percent}"))
    assert [line.partition(",")[0] for line in lines if "copied" in line] == told


def test_what_is_written_once_may_be_used_twice():
    text = STEPS + "guards: {errors: &usual {samples: 50}, lists: {<<: *usual, samples: 60}}"
    assert [guard.samples for guard in parse_spec(text).guards] == [50, 60]


def test_parameters_are_in_the_words():
    lines = explain(parse_spec(STEPS + "guards: {errors: {ratio: 1.75, least: 0.0123}}"))
    (line,) = (line for line in lines if "errors:" in line)
    assert "1.75" in line
    assert "0.0123" in line
