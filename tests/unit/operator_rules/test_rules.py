"""The operator's file: what it may say, and what is said when it is wrong."""

from pathlib import Path

import pytest

from models.schema.parameters import Rerank
from services.operator_rules.rules import RulesError, effective_rules, read_rules_file


def write(folder: Path, text: str) -> Path:
    path = folder / "rules.yaml"
    path.write_text(text)
    return path


def test_a_key_of_the_file_replaces_the_releases_and_the_others_stay(tmp_path):
    release = Rerank("dpp", 0.4, 5, 2, boosts={"Drama": 1.5}, pins={"a": 3}, blocks=("b",))
    file = write(tmp_path, "blocks: [c, 50]\ntrade_off: 0.9\n")
    rules = effective_rules(release, file)
    assert (rules.diversity, rules.trade_off, rules.window) == ("dpp", 0.9, 5)
    assert rules.blocks == ("c", "50")
    assert rules.pins == {"a": 3}
    assert [(b.category, b.multiply) for b in rules.boosts] == [("Drama", 1.5)]


def test_an_empty_file_changes_nothing(tmp_path):
    release = Rerank()
    assert effective_rules(release, write(tmp_path, "")) == effective_rules(release, None)


def test_ids_may_be_written_as_numbers(tmp_path):
    text = "pins: {50: 1}\nboosts: [{item: 7, add: 0.5}]\n"
    rules = effective_rules(Rerank(), write(tmp_path, text))
    assert rules.pins == {"50": 1}
    assert rules.boosts[0].item == "7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blokcs: [a]", "blokcs"),
        ("pins: {a: 0}", "pins.a"),
        ("pins: {a: 501}", "pins.a"),
        ("pins: {a: 1, b: 1}", "a and b both at position 1"),
        ("pins: {a: 1}\nblocks: [a]", "a is both pinned and blocked"),
        ("trade_off: 1.5", "trade_off"),
        ("diversity: random", "diversity"),
        ("window: 0", "window"),
        ("boosts: [{multiply: 2}]", "boosts.0"),
        ("boosts: [{item: a, category: b}]", "one of category, item and new"),
        ("boosts: [{item: a, multiply: -1}]", "boosts.0.multiply"),
        ("boosts: [{item: a, add: .nan}]", "boosts.0.add"),
        ("- a", "keys and values"),
        ("pins: {a: 1", "cannot be read"),
        ("blocks: [a]\nblocks: [b]", "line 2: blocks is there twice, first in line 1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(RulesError) as error:
        read_rules_file(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RulesError, match=r"none\.yaml cannot be read"):
        read_rules_file(tmp_path / "none.yaml")


def test_file_and_release_may_not_contradict_each_other(tmp_path):
    file = write(tmp_path, "pins: {a: 1}")
    with pytest.raises(RulesError, match=f"{file} .*a is both pinned and blocked"):
        effective_rules(Rerank(blocks=("a",)), file)
