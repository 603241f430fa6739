"""Prints constraints for pip from its report of an installation, which it reads.

A local label (torch's "+cpu") is left out: another build of the same version fits.
"""

import json
import sys

print("# The packages of all images; docs/compose.md has the command that makes this file.")
for one in sorted(json.load(sys.stdin)["install"], key=lambda one: one["metadata"]["name"].lower()):
    print(f"{one['metadata']['name']}=={one['metadata']['version'].partition('+')[0]}")
