"""How the command line ends."""

import pytest

from models.schema.manifest import ReleaseError
from recstack import cli
from services.operator_rules.rules import RulesError


@pytest.mark.parametrize("kind", [ReleaseError, RulesError])
def test_a_release_that_may_not_serve_is_said_with_its_hint(
    kind: type[ReleaseError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        raise kind("pins: no such item")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == f"recstack: pins: no such item\n  {kind.hint}\n"
