"""What goes wrong is told once, and counted each time."""

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.events.trouble import Trouble


def counted(reason: str) -> float:
    labels = {"part": "this", "reason": reason}
    return REGISTRY.get_sample_value("recstack_log_errors_total", labels) or 0.0


def test_the_same_trouble_is_told_once_until_it_is_over() -> None:
    before = counted("ConnectionError")
    with capture_logs() as told:
        trouble = Trouble("this")
        trouble.over()  # there was none
        for _ in range(3):
            trouble.failed("ConnectionError", "nobody listens")
        trouble.failed("OSError", "no space left")
        trouble.over()
        trouble.over()
        trouble.failed("OSError", "no space left")
    assert [(line["event"], line.get("reason")) for line in told] == [
        ("begins again", "ConnectionError"),
        ("begins again", "OSError"),
        ("goes on", None),
        ("begins again", "OSError"),
    ]
    assert counted("ConnectionError") == before + 3
