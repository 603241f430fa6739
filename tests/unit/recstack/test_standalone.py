"""Wrong settings of the standalone placement, and of what `up` does itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recstack.standalone import user_imports
from services.chassis.errors import StartupError
from tests.releases import release

__all__ = ["release"]


@pytest.mark.parametrize(
    "variable",
    ["RECSTACK_GATEWAY_DEADLINE_SECONDS", "RECSTACK_RECALL_SEEN_MARGIN", "RECSTACK_RANK_PORT"],
)
def test_a_setting_that_does_not_fit_is_one_line_and_exit_code_2(
    variable: str, release: Path
) -> None:
    given = {
        "RECSTACK_GATEWAY_RELEASES": str(release.parent),
        "RECSTACK_GATEWAY_RELEASE": release.name,
        "RECSTACK_GATEWAY_PORT": "0",
        "RECSTACK_GATEWAY_METRICS_PORT": "0",
        variable: "abc",
    }
    done = subprocess.run(
        [sys.executable, "-m", "recstack.standalone"],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"{variable}: ")
    assert len(done.stderr.splitlines()) == 1


async def test_an_import_names_the_setting_that_does_not_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RECSTACK_FEATURE_STORE_IMPORT_TIMEOUT", "hunter2")
    with pytest.raises(StartupError, match="RECSTACK_FEATURE_STORE_IMPORT_TIMEOUT: ") as error:
        async with user_imports("redis://127.0.0.1:1/0"):
            pass
    assert "hunter2" not in str(error.value)
