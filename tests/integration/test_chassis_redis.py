"""Clients of Redis off the path of requests: what happens when Redis was away meanwhile."""

import pytest
from pydantic import SecretStr

from services.chassis.redis import RedisError, open_redis
from tests.redis import RedisServer, own_redis

__all__ = ["own_redis"]


async def test_a_connection_that_redis_closed_meanwhile_is_made_again(
    own_redis: RedisServer,
) -> None:
    async with open_redis(SecretStr(own_redis.url)) as client:
        assert await client.ping()
        own_redis.stop()
        own_redis.start()
        assert await client.ping()


async def test_what_must_not_have_effect_twice_is_sent_once(own_redis: RedisServer) -> None:
    async with open_redis(SecretStr(own_redis.url), retries=0) as client:
        assert await client.ping()
        own_redis.stop()
        own_redis.start()
        with pytest.raises(RedisError):
            await client.incr("n")
        assert await client.incr("n") == 1
