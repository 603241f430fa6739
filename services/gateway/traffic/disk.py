"""The last good policy in a file, for a start while Redis does not have it."""

import os
import tempfile
from pathlib import Path

from services.chassis.log import get_logger
from services.domain.traffic import Policy, PolicyError
from services.domain.traffic_document import dump, parse

_log = get_logger("traffic")


class PolicyFile:
    """The copy of the policy at `path`; several processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Policy | None:
        """The policy of the copy, its canary without users; None when there is no good copy."""
        try:
            return parse(self.path.read_bytes()).without_canary()
        except FileNotFoundError:
            return None
        except (OSError, PolicyError) as error:
            _log.warning("the copy of the policy is of no use", path=self.path, error=str(error))
            return None

    def write(self, policy: Policy) -> None:
        """Replaces the copy, at once; blocks until it is on disk.

        Raises:
            OSError: it cannot be written; the copy before is still there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed before it is renamed
            "w", dir=self.path.parent, prefix=f".{self.path.name}.", delete=False
        )
        try:
            with fresh as file:
                file.write(dump(policy))
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh.name, self.path)
        except OSError:
            Path(fresh.name).unlink(missing_ok=True)
            raise
