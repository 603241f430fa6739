"""The tiny release, for suites that need one."""

from tests.releases import release, release_copy

__all__ = ["release", "release_copy"]
