"""Prints what an image needs, a requirement a line: `requirements.py serving`, or an extra."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("/pyproject.toml").read_text("utf-8"))["project"]
lists = {"serving": project["dependencies"], **project["optional-dependencies"]}
print(*lists[sys.argv[1]], sep="\n")
