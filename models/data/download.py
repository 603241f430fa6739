"""Getting the wheel that carries MovieLens-100K."""

import subprocess
import sys
from pathlib import Path

from models.data import DataError

REQUIREMENT = "recbole==1.2.1"
WHEEL = "recbole-1.2.1-py3-none-any.whl"
TIMEOUT_SECONDS = 300


def download_wheel(folder: Path) -> Path:
    """Downloads the wheel into `folder` with pip.

    Raises:
        DataError: when there is no network or no pip; says what to do by hand.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--retries", "1", "--timeout", "15"]
    command += ["--dest", str(folder), REQUIREMENT]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise DataError(_by_hand(f"pip did not finish in {TIMEOUT_SECONDS} s")) from None
    if run.returncode != 0:
        said = [line for line in run.stderr.splitlines() if line.strip()] or ["no message"]
        raise DataError(_by_hand(said[-1]))
    wheels = list(folder.glob("recbole-*.whl"))
    if not wheels:
        raise DataError(_by_hand("pip left no wheel"))
    return wheels[0]


def _by_hand(reason: str) -> str:
    return (
        f"cannot download {REQUIREMENT}: {reason}. Without network: run `pip download --no-deps "
        f"{REQUIREMENT}` where there is one, bring {WHEEL} here and give it with --wheel {WHEEL}"
    )
