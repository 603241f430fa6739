"""Where the files of observability are, and the tool that checks them."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OBSERVABILITY = ROOT / "deploy/observability"
DASHBOARD = OBSERVABILITY / "grafana/dashboards/recstack.json"
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed: it comes with Prometheus"
)
