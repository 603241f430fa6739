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
CATALOG_FEATURES = "catalog/features.npy"  # float32 [n, f]: content; no service reads it yet

USER_TOWER = "recall/user_tower.onnx"
USER_TOWER_ITEMS = "recall/history_items.npy"  # float32 [n, e]: items as the user tower reads them
VECTORS = "recall/vectors.npy"  # float32 [n, d]: L2-normalised item vectors
INDEX = "recall/index.faiss"
ITEM_CF_ROWS = "recall/item_cf_rows.npy"  # int32 [n, m]: neighbours, best first, -1 pads
ITEM_CF_SCORES = "recall/item_cf_scores.npy"  # float32 [n, m]
POPULAR_ROWS = "recall/popular_rows.npy"  # int32 [p]: most popular first
POPULAR_SCORES = "recall/popular_scores.npy"  # float32 [p]

PRERANK = "prerank/prerank.onnx"
PRERANK_ITEMS = "prerank/items.npy"  # float32 [n, g]: static features of items

RANK = "rank/rank.onnx"
RANK_ITEMS = "rank/items.npy"  # float32 [n, e]: items as the ranker reads them

GOLDEN_USER_TOWER = "golden/user_tower.npz"  # in_<input> and out_<output> arrays
GOLDEN_PRERANK = "golden/prerank.npz"
GOLDEN_RANK = "golden/rank.npz"
