"""Time of the rerank rules on one core: `python -m tests.bench.rerank`.

200 candidates to a list of 20, vectors of 64 dimensions, one to three of 18 categories an item;
the median of 2000 calls.
"""

import time
from collections.abc import Callable, Coroutine
from statistics import median

import numpy as np

from services.domain.context import RequestContext
from services.domain.protocols import Rule
from services.domain.stages import RerankQuery, Slate
from services.rerank.pipeline import RerankModel
from services.rerank.rules.blocks import Blocks
from services.rerank.rules.boosts import Boost, Boosts
from services.rerank.rules.dpp import Dpp
from services.rerank.rules.mmr import Mmr
from services.rerank.rules.pins import Pin, Pins
from services.rerank.rules.window import CategoryWindow

ITEMS, CANDIDATES, K, DIMENSIONS, CATEGORIES, CALLS = 20_000, 200, 20, 64, 18, 2000


def microseconds(call: Callable[[], object]) -> float:
    """Median time of a call after a warm-up."""
    times = []
    for _ in range(CALLS + 100):
        start = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start)
    return median(times[100:]) / 1000


def finished(answers: Coroutine[None, None, object]) -> object:
    """The result of a coroutine that waits for nothing, without the cost of an event loop."""
    try:
        answers.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def main() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(ITEMS, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = [
        random.choice(CATEGORIES, random.integers(1, 4), replace=False).astype(np.int32)
        for _ in range(ITEMS)
    ]
    rows = random.choice(ITEMS, CANDIDATES, replace=False).astype(np.int32)
    scores = np.sort(random.random(CANDIDATES).astype(np.float32))[::-1].copy()
    query = RerankQuery("r", RequestContext(0), rows, scores, K, 1.0)
    rules: dict[str, Rule] = {
        "blocks": Blocks(rows[[7, 70]], np.arange(2, dtype=np.uint64)),
        "boosts": Boosts([Boost(np.arange(ITEMS) % 5 == 0, 1.2)], ITEMS),
        "mmr": Mmr(vectors, 0.7),
        "dpp": Dpp(vectors, 0.7),
        "window (5, 2)": CategoryWindow(codes.__getitem__, 5, 2),
        "pins": Pins([Pin(int(rows[30]), 1, frozenset(), 3)]),
    }
    slate = Slate(rows, scores)
    for name, rule in rules.items():
        print(f"{name:16} {microseconds(lambda rule=rule: rule.apply(slate, query)):8.1f} us")
    for diversity in ("mmr", "dpp"):
        chosen = [rule for name, rule in rules.items() if name in (diversity, *OTHERS)]
        model = RerankModel(chosen, ITEMS, DIMENSIONS, CATEGORIES)
        took = microseconds(lambda model=model: finished(model.run([query])))
        print(f"all with {diversity:7} {took:8.1f} us")


OTHERS = ("blocks", "boosts", "window (5, 2)", "pins")

if __name__ == "__main__":
    main()
