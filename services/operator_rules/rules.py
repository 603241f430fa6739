"""What the rules do: the release's parameters, overridden by an operator's file."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.schema.manifest import ReleaseError
from models.schema.parameters import Rerank
from services.chassis.unique_keys import UniqueKeys

MAX_POSITION = 500  # longest list that can be asked for
MAX_FLOOR = 10

Finite = Annotated[float, Field(allow_inf_nan=False)]
Position = Annotated[int, Field(ge=1, le=MAX_POSITION)]


class RulesError(ReleaseError):
    """Rules that cannot be applied to a release; the message names the key and what is wrong."""

    hint = "correct the rules, or take them out"


class _Strict(BaseModel):
    """An unknown key is an error; ids may be written as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class BoostRule(_Strict):
    """score * multiply + add, for a category, for one item or for items newer than the release."""

    category: str | None = None
    item: str | None = None
    new: Literal[True] | None = None
    multiply: Annotated[Finite, Field(ge=0)] = 1.0
    add: Finite = 0.0

    @model_validator(mode="after")
    def _one_target(self) -> "BoostRule":
        if sum(target is not None for target in (self.category, self.item, self.new)) != 1:
            raise ValueError("give one of category, item and new")
        return self


class Rules(_Strict):
    """The rules of a rerank; in an operator's file each key may be left out.

    Attributes:
        diversity: how the list is diversified.
        trade_off: 1 orders by score alone, 0 by diversity alone.
        window: any `window` consecutive items hold at most `max_per_category` of one category.
        max_per_category: see window; 0 turns that rule off.
        fresh_floor: a list of 10 or more has at least so many items newer than the release, if
            there are candidates that are; 0 turns that rule off.
        boosts: applied to the scores before diversity.
        pins: item id → position in the list, from 1.
        blocks: ids of items that are never shown.
    """

    diversity: Literal["mmr", "dpp", "none"] = "mmr"
    trade_off: Annotated[float, Field(ge=0, le=1)] = 1.0
    window: Annotated[int, Field(ge=1, le=MAX_POSITION)] = 1
    max_per_category: Annotated[int, Field(ge=0)] = 0
    fresh_floor: Annotated[int, Field(ge=0, le=MAX_FLOOR)] = 0
    boosts: tuple[BoostRule, ...] = ()
    pins: dict[str, Position] = Field(default_factory=dict)
    blocks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _no_contradiction(self) -> "Rules":
        at: dict[int, str] = {}
        for item, position in self.pins.items():
            if position in at:
                raise ValueError(f"pins: {at[position]} and {item} both at position {position}")
            if item in self.blocks:
                raise ValueError(f"{item} is both pinned and blocked")
            at[position] = item
        return self


def read_rules_file(path: Path) -> Rules:
    """The operator's rules, YAML; only the keys that are there override the release's.

    Raises:
        RulesError: the file cannot be read or is not YAML, or a key or value in it is wrong, or
            there twice.
    """
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), UniqueKeys)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RulesError(f"rules file {path} cannot be read: {error}") from error
    if not isinstance(raw, dict | None):
        raise RulesError(f"rules file {path}: keys and values expected, such as 'blocks: [a, b]'")
    return _checked(raw or {}, f"rules file {path}")


def effective_rules(release: Rerank, file: Path | None) -> Rules:
    """The release's rules with those of the operator's file in place of those it names.

    Raises:
        RulesError: the file or a parameter is wrong, or both together contradict themselves.
    """
    rules: dict[str, Any] = {
        "diversity": release.diversity,
        "trade_off": release.trade_off,
        "window": release.window,
        "max_per_category": release.max_per_category,
        "fresh_floor": release.fresh_floor,
        "boosts": [{"category": c, "multiply": m} for c, m in release.boosts.items()],
        "pins": dict(release.pins),
        "blocks": release.blocks,
    }
    if file is None:
        return _checked(rules, "rerank parameters of the release")
    overrides = read_rules_file(file).model_dump(exclude_unset=True)
    return _checked(rules | overrides, f"rules file {file} over the parameters of the release")


def _checked(raw: dict[Any, Any], source: str) -> Rules:
    try:
        return Rules.model_validate(raw)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}".removeprefix(": ") for e in error.errors()
        )
        raise RulesError(f"{source}: {problems}") from error
