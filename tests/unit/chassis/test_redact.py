"""What a process says holds no secret: fields, texts, exceptions, other loggers, last words."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.redact import HIDDEN, protect, protect_url, redacted, redacted_value


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("redis://u:pw@h:1/0 is away", f"redis://{HIDDEN}@h:1/0 is away"),
        ("rediss://:p%40w@h", f"rediss://{HIDDEN}@h"),
        ("authorization: Bearer abc.def", f"authorization: {HIDDEN} {HIDDEN}"),
        ("sent bearer abc-def=", f"sent bearer {HIDDEN}"),
        ("password=hunter2, user=me", f"password={HIDDEN}, user=me"),
        ("{'token': 'abc', 'k': 1}", f"{{'token': {HIDDEN}, 'k': 1}}"),
        ("api_key=x y", f"api_key={HIDDEN} y"),
    ],
)
def test_what_looks_like_a_secret(text: str, clean: str) -> None:
    assert redacted(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Redis refused the password (WRONGPASS)",
        "the Redis password file /run/secrets/redis cannot be read",
        "http://127.0.0.1:8080/v1/users/a@b.c/recommendations",
        "page tokens are valid for this process alone",
        "10 tokens left",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert redacted(text) == text


def test_fields_are_hidden_by_their_names() -> None:
    line = {
        "redis_password": "x",
        "admin-token": "y",
        "tokens": 7,
        "headers": {"Authorization": "z"},
    }
    assert {name: redacted_value(name, value) for name, value in line.items()} == {
        "redis_password": HIDDEN,
        "admin-token": HIDDEN,
        "tokens": 7,
        "headers": {"Authorization": HIDDEN},
    }
    assert redacted_value("list", ["redis://a:b@c"]) == [f"redis://{HIDDEN}@c"]
    assert redacted_value("monkey", "banana") == "banana"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40))
def test_what_is_known_to_be_secret_is_nowhere(secret: str) -> None:
    protect(secret)
    assert secret not in redacted(f"before{secret}after {secret}").replace(HIDDEN, "")


def test_the_password_of_a_url_is_known_in_both_spellings() -> None:
    protect_url("redis://me:s%40cret-word@h:1/0")
    assert redacted("AUTH me s@cret-word") == f"AUTH me {HIDDEN}"
    assert redacted("AUTH me s%40cret-word") == f"AUTH me {HIDDEN}"


PROCESS = """
import logging
from services.chassis import log
from services.chassis.redact import protect
log.configure("t", "info")
log.capture()
protect("known-secret")
logger = log.get_logger("p")
logger.info("hello known-secret", password="plain-secret", deep={"token": "plain-secret"})
logging.getLogger("library").error("at redis://u:plain-secret@h with %s", "known-secret")
try:
    raise ValueError("redis://u:plain-secret@h")
except ValueError:
    logger.exception("failed")
    logging.getLogger("library").exception("failed too")
raise RuntimeError("cannot go on: known-secret, password='plain-secret'")
"""


def test_a_process_says_none_whatever_way_it_speaks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert "plain-secret" not in said
    assert "known-secret" not in said
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["level"] for line in lines] == ["info", "error", "error", "error", "critical"]
    assert lines[1]["part"] == "library"
    assert "RuntimeError" in lines[-1]["exception"]
    assert all(HIDDEN in json.dumps(line) for line in lines)
    assert done.returncode == 1
