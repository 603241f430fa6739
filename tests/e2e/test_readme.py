"""The examples of the README and of docs/clients.md, run as they stand there.

An example is a fenced block right after a line such as `<!-- run: curl -->`. Its addresses are
those of the test's stack; grpcurl, where there is none, is `recstack call` with its arguments.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

from recstack.client import DEFAULT_ADDRESS
from tests.e2e.stack import RECSTACK, ROOT, RunningStack

BLOCK = re.compile(r"^<!-- run: (\w+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GRPCURL = 'grpcurl() { recstack call "$@"; }\n'


@dataclass(frozen=True)
class Example:
    name: str
    language: str
    code: str

    def __str__(self) -> str:
        return self.name


def examples(document: str) -> list[Example]:
    return [Example(*found) for found in BLOCK.findall((ROOT / document).read_text())]


README = examples("README.md")
EXAMPLES = [*README, *examples("docs/clients.md")]


def test_the_readme_shows_every_way_to_ask() -> None:
    code = "\n".join(example.code for example in README)
    for way in ("recstack recommend", "recstack explain", "curl ", "grpcurl ", "Client("):
        assert way in code, f"README.md has no example with {way!r}"


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example(stack: RunningStack, example: Example) -> None:
    code = example.code.replace(DEFAULT_ADDRESS, stack.grpc)
    code = re.sub(r"http://(127\.0\.0\.1|localhost):8080", stack.http, code)
    if example.language == "python":
        command = [sys.executable, "-c", code]
    else:
        prelude = "" if shutil.which("grpcurl") else GRPCURL
        command = ["bash", "-euo", "pipefail", "-c", prelude + code]
    environment = {
        **os.environ,
        "PATH": f"{RECSTACK.parent}{os.pathsep}{os.environ['PATH']}",
        "RECSTACK_ADDRESS": stack.grpc,
        "RECSTACK_URL": stack.http,
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
