"""Where things lie in a release folder. The one place that spells these names."""

MANIFEST = "manifest.json"
MANIFEST_HASH = "manifest.sha256"  # SHA-256 of the manifest file, hexadecimal
SCHEMA = "schema.json"
PARAMETERS = "parameters.json"

CATALOG_KEYS = "catalog/keys.npy"  # uint64 [n]: item keys by row
CATALOG_IDS = "catalog/ids"  # StringColumn [n]
CATALOG_TITLES = "catalog/titles"  # StringColumn [n]
CATALOG_CATEGORY_OFFSETS = "catalog/category_offsets.npy"  # int64 [n + 1]
CATALOG_CATEGORY_CODES = "catalog/category_codes.npy"  # int32: codes into the schema's categories
CATALOG_TAG_OFFSETS = "catalog/tag_offsets.npy"  # int64 [n + 1]
CATALOG_TAG_CODES = "catalog/tag_codes.npy"  # int32: codes into the schema's tags
CATALOG_FEATURES = "catalog/features.npy"  # float32 [n, f]: content

USER_TOWER = "recall/user_tower.onnx"
USER_TOWER_ITEMS = "recall/history_items.npy"  # float32 [n, e]: items as the user tower reads them
CONTENT_TOWER = "recall/content_tower.onnx"  # content features → item vector, without an id
VECTORS = "recall/vectors.npy"  # float32 [n, d]: L2-normalised item vectors
INDEX = "recall/index.faiss"
ITEM_CF_ROWS = "recall/item_cf_rows.npy"  # int32 [n, m]: neighbours, best first, -1 pads
ITEM_CF_SCORES = "recall/item_cf_scores.npy"  # float32 [n, m]
SWING_ROWS = "recall/swing_rows.npy"  # int32 [n, m], as in itemCF
SWING_SCORES = "recall/swing_scores.npy"  # float32 [n, m]
EASE_ROWS = "recall/ease_rows.npy"  # int32 [n, m], the weights furthest from 0 first
EASE_SCORES = "recall/ease_scores.npy"  # float32 [n, m], signed
CONTENT_ROWS = "recall/content_rows.npy"  # int32 [n, m]
CONTENT_SCORES = "recall/content_scores.npy"  # float32 [n, m]
CATEGORY_ROWS = "recall/category_rows.npy"  # int32 [c, m]: by category, most popular first
CATEGORY_SCORES = "recall/category_scores.npy"  # float32 [c, m]
USER_CF_TAKER_OFFSETS = "recall/user_cf_taker_offsets.npy"  # int64 [n + 1]
USER_CF_TAKERS = "recall/user_cf_takers.npy"  # int32: users by item, as numbers without a name
USER_CF_TAKEN_OFFSETS = "recall/user_cf_taken_offsets.npy"  # int64 [u + 1]
USER_CF_TAKEN = "recall/user_cf_taken.npy"  # int32: items by user, newest first
USER_CF_WEIGHTS = "recall/user_cf_weights.npy"  # float32 [n]: what an item in common counts
USER_CF_NORMS = "recall/user_cf_norms.npy"  # float32 [u]: length of a user's vector
POPULAR_ROWS = "recall/popular_rows.npy"  # int32 [p]: most popular first
POPULAR_SCORES = "recall/popular_scores.npy"  # float32 [p]

PRERANK = "prerank/prerank.onnx"
PRERANK_ITEMS = "prerank/items.npy"  # float32 [n, g]: static features of items

RANK = "rank/rank.onnx"
RANK_TOWER = "rank/content_tower.onnx"  # content features → learnt part of an item's row
RANK_ITEMS = "rank/items.npy"  # float32 [n, e + k + g]: learnt, by takers, static

GOLDEN_USER_TOWER = "golden/user_tower.npz"  # in_<input> and out_<output> arrays
GOLDEN_CONTENT_TOWER = "golden/content_tower.npz"
GOLDEN_PRERANK = "golden/prerank.npz"
GOLDEN_RANK = "golden/rank.npz"

EVALUATION = "evaluation/places.npz"  # where the true items were, by stage; see models/evaluation
EVALUATION_REPORT = "evaluation/report.md"
GOLDEN_RANK_TOWER = "golden/rank_tower.npz"
