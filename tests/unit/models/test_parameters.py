from dataclasses import replace

import pytest

from models.schema.parameters import Parameters, Rerank, Retrieval

PARAMETERS = Parameters(
    quotas={"two_tower": 3, "popular": 1},
    blend=(1.0, 0.25),
    retrieval=Retrieval(index="hnsw", ef_search=64),
    rerank=Rerank(diversity="dpp", boosts={"drama": 1.5}, pins={"i1": 2}, blocks=("i2", "i3")),
)


def test_json_is_the_same_parameters() -> None:
    assert Parameters.from_json(PARAMETERS.to_json()) == PARAMETERS


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (replace(PARAMETERS, retrieval=Retrieval(index="tree")), "tree"),
        (replace(PARAMETERS, rerank=Rerank(diversity="luck")), "luck"),
    ],
)
def test_an_unknown_choice_is_named(wrong: Parameters, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Parameters.from_json(wrong.to_json())
