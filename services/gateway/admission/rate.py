"""A rate limit for each client, by the key it names."""

from collections import OrderedDict
from dataclasses import dataclass

from services.gateway.resilience.budget import Clock

CLIENT_KEY = "x-client-key"  # the metadata, and the header, that has the key
MAX_KEYS = 10_000
KEY_BYTES = 128  # of a key that is longer only so much counts


@dataclass(frozen=True, slots=True)
class RateSettings:
    """What one client may do.

    Attributes:
        per_second: calls in the long run; 0: there is no limit.
        burst: calls at once, after a pause.
    """

    per_second: float = 0.0
    burst: float = 20.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimit:
    """Token buckets: a call takes a token; tokens come back at a rate, up to `burst`.

    The MAX_KEYS keys that were used last are known. One that is forgotten begins with a full
    bucket, so whoever makes up keys is not held by this limit; the adaptive one holds everybody.
    Calls without a key share one bucket.
    """

    def __init__(self, settings: RateSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self.on = settings.per_second > 0

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, key: str) -> float:
        """Takes a token: 0.0; when there is none, the seconds until there is."""
        if not self.on:
            return 0.0
        bucket = self._filled(key[:KEY_BYTES])
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return 0.0
        return (1.0 - bucket.tokens) / self._settings.per_second

    def _filled(self, key: str) -> _Bucket:
        now, settings = self._clock(), self._settings
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(max(settings.burst, 1.0), now)
            if len(self._buckets) > MAX_KEYS:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        more = (now - bucket.filled_at) * settings.per_second
        bucket.tokens = min(bucket.tokens + more, max(settings.burst, 1.0))
        bucket.filled_at = now
        return bucket
