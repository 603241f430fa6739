"""The commands of the ready line can be pasted, whatever the user id is."""

import json
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from recstack.processes import Plan
from recstack.stack import ready_line
from recstack.users import example_user
from recstack.workspace import Workspace
from tests.releases import tiny_dataset


@pytest.mark.parametrize("user", ["196", "o'neil & co", "a/b?c#d", "é 日本"])
def test_every_command_names_the_user(user: str, tmp_path: Path) -> None:
    plan = Plan(Workspace(tmp_path, 100), "127.0.0.1", "releases", release="r")
    ready, *commands = ready_line(plan, user).splitlines()
    cli, curl, grpcurl = map(shlex.split, commands)
    assert "127.0.0.1:50150" in ready
    assert cli[cli.index("--user") + 1] == user
    assert unquote(urlsplit(curl[1]).path) == f"/v1/users/{user}/recommendations"
    assert json.loads(grpcurl[grpcurl.index("-d") + 1]) == {"user_id": user}


def test_the_example_is_a_user_of_the_data(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "tiny")
    assert example_user(dataset.folder) in set(dataset.tables().users["user_id"])
    assert example_user(None) == "anybody"
