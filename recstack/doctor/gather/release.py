"""The release that should serve, looked at as a service does before it serves."""

from pathlib import Path

from models.schema.features import FeatureSchema
from models.schema.manifest import Manifest, ReleaseError
from recstack.doctor.facts import Release, ReleaseTrouble
from recstack.processes import Plan
from services.inference.store import ReleaseStore

Troubles = list[tuple[ReleaseTrouble, str]]


def release_of(plan: Plan) -> Release:
    """The release of the plan, or the current one; reads every file of it."""
    try:
        store = ReleaseStore(plan.releases)
        release = plan.release or store.current()
        folder = store.fetch(release)
    except (ReleaseError, OSError) as error:
        return Release(plan.releases, plan.release, ((ReleaseTrouble.MISSING, str(error)),))
    return Release(plan.releases, release, tuple(_troubles(folder)))


def _troubles(folder: Path) -> Troubles:
    try:
        manifest = Manifest.read(folder)
    except (ReleaseError, OSError) as error:
        return [(ReleaseTrouble.DAMAGED, str(error))]
    troubles: Troubles = []
    try:
        manifest.verify(folder)
    except (ReleaseError, OSError) as error:
        troubles.append((ReleaseTrouble.DAMAGED, str(error)))
    try:
        found = FeatureSchema.read(folder).hash
    except (ReleaseError, OSError) as error:
        return troubles or [(ReleaseTrouble.DAMAGED, str(error))]
    if found != manifest.schema_hash:
        message = f"trained with {manifest.schema_hash[:12]}, its schema is {found[:12]}"
        troubles.append((ReleaseTrouble.SCHEMA, message))
    return troubles
