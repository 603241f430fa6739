"""`python -m services.feature_store`: a process; settings from RECSTACK_FEATURE_STORE_*."""

from functools import partial

from services.chassis.server import run
from services.chassis.settings import from_environment
from services.feature_store.servicer import mount
from services.feature_store.settings import FeatureStoreSettings

if __name__ == "__main__":
    settings = from_environment(FeatureStoreSettings)
    raise SystemExit(run("feature_store", settings, partial(mount, settings)))
