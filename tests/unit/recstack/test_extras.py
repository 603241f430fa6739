"""A command whose packages are not installed says which, and how to get them."""

import subprocess
import sys

import pytest

WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from recstack.cli import main; main()"


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        (["load"], "locust", "load"),
        (["load"], "matplotlib", "load"),
        (["simulate", "log"], "polars", "train"),
        (["simulate", "drive"], "polars", "train"),
    ],
)
def test_a_package_that_is_not_here_is_named_with_its_extra(
    command: list[str], module: str, extra: str
) -> None:
    ended = subprocess.run(
        (sys.executable, "-c", WITHOUT, module, *command),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert f"{module}, which is not here" in ended.stderr
    assert f"pip install 'recstack[{extra}]'" in ended.stderr
    assert "Traceback" not in ended.stderr
