"""The item tower without an id: new items belong beside those that are like them."""

from pathlib import Path

import numpy as np
import torch

from models.export import onnx
from models.recall.two_tower import ContentTower, ItemTower
from models.schema import layout
from models.schema.catalog import Catalog
from models.schema.features import FeatureSchema, hashed_words


def test_it_is_the_item_tower_of_an_item_without_an_id() -> None:
    torch.manual_seed(0)
    features = torch.rand(5, 3)
    items = ItemTower(features, d=4, id_dropout=0.0)
    with torch.no_grad():
        items.ids.weight.zero_()
        expected = torch.nn.functional.normalize(items.eval()(), dim=-1)
        found = ContentTower(items)(features)
    torch.testing.assert_close(found, expected)


def test_an_item_like_others_lies_beside_them(release: Path) -> None:
    """A made-up item of a group is nearer to the items of its group than to the others."""
    schema = FeatureSchema.read(release)
    catalog = Catalog(release, schema.categories)
    vectors = np.load(release / layout.VECTORS)
    session = onnx.session_of(release / layout.CONTENT_TOWER)
    groups = [name for name in schema.categories if name != "even"]
    features = np.stack([schema.content_features([name], {}, "") for name in groups])
    (found,) = session.run(None, {"features": features})
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    cosines = np.stack([found @ vectors[catalog.rows_in([g])].mean(axis=0) for g in groups])
    assert (cosines.argmax(axis=0) == np.arange(len(groups))).mean() >= 5 / 6


def test_words_are_hashed_with_a_sign() -> None:
    found = hashed_words("The Cat and the other cat", 64)
    assert abs(np.linalg.norm(found) - 1.0) < 1e-6
    assert np.array_equal(found, hashed_words("the CAT, and: the other cat!", 64))
    assert not np.array_equal(found, hashed_words("the dog and the other dog", 64))
    one = hashed_words("cat", 64)
    assert np.count_nonzero(one) == 1
    assert abs(found[one != 0][0]) >= 2 * np.abs(found).min(where=found != 0, initial=9.0) - 1e-6


def test_a_text_without_words_is_zero() -> None:
    assert not hashed_words("?! --", 8).any()
    assert hashed_words("cat", 0).shape == (0,)


def test_text_comes_after_categories_and_fields() -> None:
    schema = FeatureSchema(categories=("a", "b"), text_size=8)
    features = schema.content_features(["b"], {}, "some words")
    assert features.shape == (schema.content_size,) == (10,)
    assert features[:2].tolist() == [0.0, 1.0]
    np.testing.assert_array_equal(features[2:], hashed_words("some words", 8))
    again = FeatureSchema.from_json(schema.to_json())
    assert again == schema
