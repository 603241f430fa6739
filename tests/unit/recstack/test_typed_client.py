"""A user's program is checked against the client's types, strictly."""

import subprocess
import sys
from pathlib import Path

GOOD = """
from recstack import AsyncClient, Client, Event, Retries, Tls, TooManyRequestsError

def titles(user: str) -> list[str]:
    with Client("a:1,b:2", timeout=0.3, client_key="shop", retries=Retries(attempts=2)) as client:
        page = client.recommend(user, k=5, context={"device": "phone"}, timeout=0.1)
        try:
            recorded: int = client.record_events([Event(user, page.items[0].item_id)]).accepted
        except TooManyRequestsError as error:
            wait: float = error.retry_after
        return [item.title for item in page.items]

async def scores(user: str) -> list[float]:
    async with AsyncClient(tls=Tls()) as client:
        explained = await client.explain(user, item_id="1", categories=["Drama"])
        return [item.score for item in explained.response.items]
"""
WRONG = {
    "client.recommend(7)": "arg-type",
    "client.recommend('7', cathegories=['Drama'])": "call-arg",
    "client.recommend('7', timeout='fast')": "arg-type",
    "client.recommend('7').itmes": "attr-defined",
    "client.erase_users('7').changed.x": "attr-defined",
}


def test_a_strict_type_check_of_a_users_program(tmp_path: Path) -> None:
    wrong = "\n".join(f"    {line}" for line in WRONG)
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "wrong.py").write_text(
        f"from recstack import Client\n\ndef use(client: Client) -> None:\n{wrong}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "good.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert not [line for line in lines if "good.py" in line], done.stdout
    for number, (line, code) in enumerate(WRONG.items(), 4):
        found = [text for text in lines if text.startswith(f"wrong.py:{number}: error")]
        assert any(f"[{code}]" in text for text in found), (line, done.stdout, done.stderr)
