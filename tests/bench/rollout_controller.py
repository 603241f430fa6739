"""False and true rollbacks of whole simulated rollouts: `python -m tests.bench.rollout_controller`.

Time is simulated. Each row is some thousands of rollouts with all guards, looked at after every
block: a canary that is the stable release, then faults of several sizes. Users differ and come
again; bursts of latency, errors and degraded answers hit one arm or both. All looks at many
rollouts are computed at once (rollout_led.py). Writes var/bench/rollout_controller.md.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.bench.rollout_cases import Case, rows
from tests.bench.rollout_led import OUTCOMES, Ends, ended
from tests.bench.rollout_world import Fault

FEW = 20  # rollbacks: of fewer no quantiles are told
OFTEN = 0.95

HEAD = (
    "| canary | rollouts | rolled back | promoted | held | canary requests until rollback, median "
    "| P95 | blocks, median | P95 | by |\n|---|---|---|---|---|---|---|---|---|---|"
)
LEAST = (
    "| fault | smallest size found in 95 % | rolled back | within canary requests |\n"
    "|---|---|---|---|"
)


def line(case: Case, ends: Ends) -> str:
    """A row of the table."""
    shares = [float((ends.outcome == place).mean()) for place in range(len(OUTCOMES))]
    back = ends.outcome == OUTCOMES.index("rolled back")
    cells = [case.name, f"{len(back)}", *(f"{share:.2%}" for share in shares), *[""] * 5]
    if back.sum() >= FEW:
        for place, counts in ((5, ends.requests), (7, ends.blocks)):
            for share in (0.5, 0.95):
                cells[place] = f"{np.quantile(counts[back], share):,.0f}"
                place += 1
    names = [guard.name for guard in case.plan.spec.guards]
    first = np.bincount(ends.guard[back], minlength=len(names))
    most = [guard for guard in np.argsort(-first) if first[guard] > back.sum() / 50]
    cells[-1] = ", ".join(f"{names[guard]} {first[guard] / back.sum():.0%}" for guard in most)
    return f"| {' | '.join(cells)} |"


def summary(name: str, ends: Sequence[tuple[Case, Ends]]) -> str:
    """The smallest size of a fault that is nearly always found, and after how many requests."""
    for case, found in ends:
        back = found.outcome == OUTCOMES.index("rolled back")
        if back.mean() >= OFTEN:
            among = np.where(back, found.requests, np.inf)
            needed = np.quantile(among, OFTEN, method="higher")
            return f"| {name} | {case.size:g} | {back.mean():.2%} | {needed:,.0f} |"
    return f"| {name} | none of these | | |"


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rollouts", type=int, default=2000, help="of each row")
    parser.add_argument("--alike", type=int, default=4000, help="of a row of identical canaries")
    parser.add_argument("--rows", default="", help="only those with this in their name")
    parser.add_argument("--replay", type=int, default=2, help="rollouts led by the controller too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("var/bench/rollout_controller.md"))
    return parser.parse_args()


def main() -> None:
    given = options()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    lines, least, start = [HEAD], [LEAST], time.perf_counter()
    for name, cases in rows():
        found = []
        for case in cases:
            if given.rows not in case.name:
                continue
            rollouts = given.alike if case.fault == Fault() else given.rollouts
            found.append((case, ended(case, rollouts, given.replay, given.seed)))
            lines.append(line(*found[-1]))
            print(f"{lines[-1]} {time.perf_counter() - start:.0f} s", flush=True)
            given.out.write_text("\n".join([*lines, "", *least, ""]))
        if name and found:
            least.append(summary(name, found))
            print(least[-1], flush=True)
    given.out.write_text("\n".join([*lines, "", *least, ""]))


if __name__ == "__main__":
    main()
