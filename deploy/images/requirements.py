"""Prints a list of requirements, one a line: `requirements.py serving`, `build` or an extra."""

import sys
import tomllib
from pathlib import Path

told = tomllib.loads(Path("/pyproject.toml").read_text("utf-8"))
project = told["project"]
lists = {
    "build": told["build-system"]["requires"],
    "serving": project["dependencies"],
    **project["optional-dependencies"],
}
print(*lists[sys.argv[1]], sep="\n")
