"""Services in trouble with Redis say so without the secrets that they were told."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.redis import RedisServer, free_port, running
from tests.releases import release

__all__ = ["release"]

SECRET = "s3cret/pass word"
QUOTED = "s3cret%2Fpass%20word"
SECONDS = 60.0


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RedisServer]:
    with running(tmp_path / "redis", password="the right one") as server:
        yield server


def told(service: str, settings: Mapping[str, object]) -> dict[str, str]:
    prefixed = {f"RECSTACK_{service.upper()}_{key}": str(v) for key, v in settings.items()}
    return {**os.environ, **prefixed}


@contextmanager
def service(name: str, output: Path, **settings: object) -> Iterator["subprocess.Popen[bytes]"]:
    """The service as a process; what it says goes to the file."""
    ports = {"PORT": free_port(), "METRICS_PORT": 0, "LOG_LEVEL": "debug"}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", f"services.{name}"],
            env=told(name, {**ports, **settings}),
            stdout=file,
            stderr=file,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def said(output: Path, words: str) -> str:
    """What it said, once that has the words."""
    deadline = time.monotonic() + SECONDS
    while words not in (text := output.read_text()):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


@pytest.mark.parametrize("way", ["address", "file"])
@pytest.mark.parametrize("name", ["events", "recall"])
def test_a_wrong_password(
    release: Path, guarded: RedisServer, tmp_path: Path, name: str, way: str
) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET)
    address = guarded.url if way == "file" else guarded.url.replace("//", f"//:{QUOTED}@")
    login = {"REDIS_PASSWORD_FILE": file} if way == "file" else {}
    released = {"RELEASES": release.parent, "RELEASE": release.name}
    output = tmp_path / "output"
    with service(name, output, REDIS_URL=address, LOG=tmp_path, **login, **released):
        text = said(output, "invalid username-password")
    assert SECRET not in text
    assert QUOTED not in text
    assert all(json.loads(line)["service"] == name for line in text.splitlines())


@pytest.mark.parametrize("name", ["events", "feature_store"])
def test_an_address_that_is_none(tmp_path: Path, name: str) -> None:
    output, address = tmp_path / "output", f"redis://:{QUOTED}@h:port/0"
    with service(name, output, REDIS_URL=address, LOG=tmp_path) as process:
        assert process.wait(SECONDS) == 2
    text = output.read_text()
    assert "the Redis address is wrong" in text
    assert "Traceback" not in text
    assert SECRET not in text
    assert QUOTED not in text
