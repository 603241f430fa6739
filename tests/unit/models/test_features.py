import numpy as np
import pytest

from models.schema.features import FeatureSchema, Field

SCHEMA = FeatureSchema(
    user=(Field("age", edges=(18.0, 30.0)), Field("job", values=("cook", "pilot"))),
    item=(Field("year", edges=(1980.0,)),),
    context=(Field("device", values=("phone",)),),
    categories=("comedy", "drama", "western"),
)


@pytest.mark.parametrize(
    ("value", "index"),
    [("17.9", 1), ("18", 2), ("29", 2), ("30", 3), ("99", 3), ("old", 0), ("nan", 0), (None, 0)],
)
def test_bins_are_closed_below_and_unknown_is_zero(value: str | None, index: int) -> None:
    assert SCHEMA.user[0].encode(value) == index


@pytest.mark.parametrize(("value", "index"), [("cook", 1), ("pilot", 2), ("poet", 0), (None, 0)])
def test_vocabulary(value: str | None, index: int) -> None:
    assert SCHEMA.user[1].encode(value) == index


def test_every_index_is_below_the_size() -> None:
    age, job = SCHEMA.user
    assert max(age.encode(str(a)) for a in range(100)) == age.size - 1
    assert max(job.encode(j) for j in job.values) == job.size - 1


def test_profiles_may_lack_attributes_and_have_others() -> None:
    encoded = SCHEMA.encode_profiles([{"age": "40", "job": "cook"}, {"zip": "1"}, {"job": "pilot"}])
    np.testing.assert_array_equal(encoded, [[3, 1], [0, 0], [0, 2]])
    assert encoded.dtype == np.int64


def test_no_profiles_and_no_fields_keep_their_shapes() -> None:
    assert SCHEMA.encode_profiles([]).shape == (0, 2)
    assert FeatureSchema().encode_profiles([{"age": "1"}]).shape == (1, 0)
    assert SCHEMA.encode_contexts([{"device": "phone"}, {}]).tolist() == [[1], [0]]


def test_content_is_categories_of_unit_length_and_one_hot_fields() -> None:
    content = SCHEMA.content_features(["western", "comedy", "opera"], {"year": "1985"})
    np.testing.assert_allclose(content, [0.5**0.5, 0, 0.5**0.5, 0, 0, 1], rtol=1e-6)
    assert len(content) == SCHEMA.content_size


def test_json_is_the_same_schema_and_the_hash_tells_schemas_apart() -> None:
    assert FeatureSchema.from_json(SCHEMA.to_json()) == SCHEMA
    other = FeatureSchema(SCHEMA.user, SCHEMA.item, SCHEMA.context, ("comedy", "western", "drama"))
    assert FeatureSchema.from_json(SCHEMA.to_json()).hash == SCHEMA.hash != other.hash
