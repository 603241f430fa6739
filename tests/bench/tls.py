"""What TLS costs: `python -m tests.bench.tls`; CPU time of all processes and latency, on and off.

One request at a time: nothing is batched, every message is a record of its own, which is the most
that TLS can cost. Stacks run one after the other, each twice.
"""

import os
import tempfile
import time
from pathlib import Path

from recstack import Client
from recstack.certs import make_certificates
from services.chassis.tls import OFF, Tls
from tests.certificates import tls_of
from tests.e2e.stack import RunningStack, children_of, up

WARM_UP, REQUESTS, USERS = 100, 600, 900
TICK = 1000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(stack: RunningStack) -> float:
    """CPU time that the processes of a stack have used."""
    total = 0
    for pid, _ in children_of(stack.process.pid):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total * TICK


def measured(stack: RunningStack, tls: Tls) -> str:
    seconds = []
    with Client(stack.grpc, timeout=10, tls=tls) as client:
        for number in range(WARM_UP + REQUESTS):
            if number == WARM_UP:
                before = cpu_ms(stack)
            start = time.perf_counter()
            client.recommend(str(number % USERS + 1))
            seconds.append(time.perf_counter() - start)
    cpu = (cpu_ms(stack) - before) / REQUESTS
    median = sorted(seconds[WARM_UP:])[REQUESTS // 2]
    return f"{cpu:.2f} ms of CPU a request, P50 {median * 1000:.1f} ms"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_certificates(folder / "tls")
        for run in range(2):
            for label, options, tls in (
                ("plain", (), OFF),
                ("TLS", ("--tls", str(folder / "tls")), tls_of(folder / "tls", "client")),
            ):
                with up(folder / f"{label}-{run}", *options) as stack:
                    print(f"{label:6} {measured(stack, tls)}", flush=True)


if __name__ == "__main__":
    main()
