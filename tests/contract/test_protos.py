"""The contracts keep their own rules, and each check can fail."""

from pathlib import Path

import pytest

from tests.contract import descriptors
from tests.contract.descriptors import Files, compiled
from tests.contract.numbers import UPDATE, conflicts, missing, read_lock, update

GOOD = """
syntax = "proto3";
package recsys.toy.v1;
// A service.
service ToyService {
  // An rpc.
  rpc Play(PlayRequest) returns (PlayResponse);
}
// A request.
message PlayRequest {
  // A field.
  string name = 1;
  map<string, int32> counts = 2;  // Trailing comments count too.
  // A nested message.
  message Inner {
    // A nested enum.
    enum Color {
      // None.
      COLOR_UNSPECIFIED = 0;
      // Red.
      COLOR_RED = 1;
    }
    // A field.
    Color color = 1;
  }
  // A field.
  Inner inner = 3;
}
// A response.
message PlayResponse {}
"""


@pytest.fixture(scope="module")
def files() -> Files:
    return compiled()


def toy(folder: Path, text: str = GOOD, name: str = "recsys/toy/v1/toy.proto") -> Files:
    """Compiles a proto of its own under the folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return compiled(folder)


CHECKS = [
    descriptors.without_comment,
    descriptors.shared_messages,
    descriptors.wrong_zeros,
    descriptors.wrong_packages,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_contracts_keep_the_rule(files, check):
    assert check(files) == []


def test_every_service_is_checked(files):
    assert {f.package for f in files} >= {
        f"recsys.{service}.v1"
        for service in ("common", "gateway", "feature_store", "recall", "prerank", "rank", "rerank")
    }


def test_no_number_was_reused(files):
    assert conflicts(files, read_lock()) == []


def test_every_number_is_in_the_lock(files):
    assert missing(files, read_lock()) == [], f"run {UPDATE}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_proto_passes(tmp_path, check):
    assert check(toy(tmp_path)) == []


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("// A service.", "ToyService"),
        ("// An rpc.", "ToyService.Play"),
        ("// A request.", "PlayRequest"),
        ("// A field.", "PlayRequest.name"),
        ("// Trailing comments count too.", "PlayRequest.counts"),
        ("// A nested message.", "PlayRequest.Inner"),
        ("// A nested enum.", "PlayRequest.Inner.Color"),
        ("// Red.", "PlayRequest.Inner.Color.COLOR_RED"),
    ],
)
def test_a_missing_comment_is_found(tmp_path, comment, name):
    problems = descriptors.without_comment(toy(tmp_path, GOOD.replace(comment, "", 1)))
    assert problems == [f"recsys.toy.v1.{name}: no comment"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("returns (PlayResponse)", "returns (PlayRequest)"),
        ("(PlayResponse);", "(PlayResponse);\n rpc Again(PlayRequest) returns (PlayResponse.R);"),
    ],
    ids=["request is response", "two rpcs"],
)
def test_a_shared_message_is_found(tmp_path, old, new):
    text = GOOD.replace("message PlayResponse {}", "message PlayResponse { message R {} }")
    (problem,) = descriptors.shared_messages(toy(tmp_path, text.replace(old, new)))
    assert problem.startswith("recsys.toy.v1.PlayRequest: ")


def test_a_zero_that_means_something_is_found(tmp_path):
    text = GOOD.replace("COLOR_UNSPECIFIED", "COLOR_BLUE")
    (problem,) = descriptors.wrong_zeros(toy(tmp_path, text))
    assert "Color: 0 is COLOR_BLUE" in problem


def test_a_package_that_is_not_the_folder_is_found(tmp_path):
    (problem,) = descriptors.wrong_packages(toy(tmp_path, name="recsys/other/v1/toy.proto"))
    assert problem.startswith("recsys/other/v1/toy.proto: ")


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """The lock of the good proto."""
    toy(tmp_path)
    lock = tmp_path / "numbers.lock"
    assert update(tmp_path, lock) == []
    return lock


RED = "COLOR_RED = 1"
NAME = "string name = 1;"
REQUEST, COLOR = "recsys.toy.v1.PlayRequest", "recsys.toy.v1.PlayRequest.Inner.Color"


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        (NAME, "string label = 1;", [f"{REQUEST}: number 1 is label and was name"]),
        (RED, "COLOR_BLUE = 1", [f"{COLOR}: number 1 is COLOR_BLUE and was COLOR_RED"]),
        (NAME, "string name = 9; reserved 1;", [f"{REQUEST}: name is 9 and was 1"]),
        (NAME, "", [f"{REQUEST}: name = 1 was removed; write `reserved 1;`"]),
        (RED, "COLOR_BLUE = 2", [f"{COLOR}: COLOR_RED = 1 was removed; write `reserved 1;`"]),
        (NAME, "reserved 1;", []),
        (RED, "reserved 1 to 1; COLOR_BLUE = 2", []),
        (NAME, "string name = 1; string more = 4;", []),
    ],
)
def test_a_number_has_one_meaning_for_ever(tmp_path, locked, old, new, problems):
    before = locked.read_text()
    files = toy(tmp_path, GOOD.replace(old, new))
    found = conflicts(files, read_lock(locked))
    assert len(found) == len(problems)
    assert all(f.startswith(p) for f, p in zip(found, problems, strict=True))
    assert update(tmp_path, locked) == found
    if problems:
        assert locked.read_text() == before  # a refused update writes nothing
    else:
        assert conflicts(files, read_lock(locked)) == missing(files, read_lock(locked)) == []


def test_a_new_number_is_missing_until_the_lock_is_updated(tmp_path, locked):
    files = toy(tmp_path, GOOD.replace(NAME, f"{NAME} string more = 4;"))
    (problem,) = missing(files, read_lock(locked))
    assert problem.startswith(f"{REQUEST}: 4 is not in the lock")


def test_a_removed_number_may_not_come_back_as_another(tmp_path, locked):
    toy(tmp_path, GOOD.replace(NAME, "reserved 1;"))
    assert update(tmp_path, locked) == []
    files = toy(tmp_path, GOOD.replace(NAME, "string label = 1;"))
    (problem,) = conflicts(files, read_lock(locked))
    assert problem.startswith(f"{REQUEST}: number 1 is label and was name")
