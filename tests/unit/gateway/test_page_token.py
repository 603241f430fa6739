"""Page tokens: pages repeat nothing, and no token is taken that was not given for this."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgumentError, StartupError
from services.gateway.limits import check_recommend
from services.gateway.page_key import page_key
from services.gateway.page_token import MAX_KEYS, VALID_SECONDS, PageTokens
from services.gateway.requests import ListRequest, RecommendInput

NOW = 1_800_000_000
TOKENS = PageTokens(b"k" * 32)
FIRST = RecommendInput(
    user_id="u",
    k=3,
    placement="home",
    context={"device": "tv", "hour": "9"},
    categories=["Drama", "Comedy"],
    tags=["new"],
    exclude_item_ids=["1", "2"],
)


def keys(*numbers: int) -> Any:
    return np.array(numbers, np.uint64)


def opened(request: RecommendInput, now: int = NOW, tokens: PageTokens = TOKENS) -> ListRequest:
    return tokens.opened(request, check_recommend(request, now))


def token_for(request: RecommendInput, *shown: int, now: int = NOW) -> str:
    return TOKENS.following(request, opened(request, now), keys(*shown))


def refusal(request: RecommendInput, now: int = NOW, tokens: PageTokens = TOKENS) -> str:
    with pytest.raises(InvalidArgumentError) as error:
        opened(request, now, tokens)
    assert error.value.field == "page_token"
    return error.value.message


def test_the_next_page_excludes_the_pages_before() -> None:
    second = replace(FIRST, page_token=token_for(FIRST, 10, 2**64 - 1, 12))
    asked = opened(second)
    assert asked.earlier.tolist() == [10, 2**64 - 1, 12]
    assert asked.request.exclude.tolist()[2:] == [10, 2**64 - 1, 12]
    third = replace(FIRST, page_token=token_for(second, 20, 21, 22))
    assert opened(third).earlier.tolist() == [10, 2**64 - 1, 12, 20, 21, 22]
    assert len(opened(FIRST).earlier) == 0


def test_the_length_of_a_page_may_change_and_lists_may_be_in_any_order() -> None:
    token = token_for(FIRST, 1, 2, 3)
    other = replace(
        FIRST,
        k=50,
        page_token=token,
        categories=["Comedy", "Drama"],
        exclude_item_ids=["2", "1"],
        context={"hour": "9", "device": "tv"},
    )
    assert len(opened(other).earlier) == 3


def test_the_next_hour_is_still_the_same_request() -> None:
    request = RecommendInput(user_id="u", k=1)
    token = token_for(request, 1, now=NOW)
    assert len(opened(replace(request, page_token=token), NOW + 3500).earlier) == 1


@pytest.mark.parametrize("shown", [0, 1, 2])
def test_a_short_list_is_the_last(shown: int) -> None:
    assert token_for(FIRST, *range(shown)) == ""


def test_a_token_is_full_at_its_limit() -> None:
    request = replace(FIRST, k=100)
    shown = 0
    while token := token_for(request, *range(shown, shown + 100)):
        request, shown = replace(request, page_token=token), shown + 100
        assert len(opened(request).earlier) == shown
    assert shown + 100 == MAX_KEYS
    assert len(request.page_token) < 6000


@pytest.mark.parametrize(
    "change",
    [
        {"placement": "cart"},
        {"context": {"device": "tv"}},
        {"categories": ["Drama"]},
        {"tags": []},
        {"tags": ["Drama", "Comedy"], "categories": ["new"]},
        {"exclude_item_ids": ["1"]},
    ],
)
def test_of_another_request(change: dict[str, Any]) -> None:
    token = token_for(FIRST, 1, 2, 3)
    assert "another request" in refusal(replace(FIRST, page_token=token, **change))


@pytest.mark.parametrize("who", [{"user_id": "v"}, {"user_id": "", "session_id": "u"}])
def test_of_another_user(who: dict[str, str]) -> None:
    token = token_for(FIRST, 1, 2, 3)
    assert "another user" in refusal(replace(FIRST, page_token=token, **who))


def test_it_expires() -> None:
    request = replace(FIRST, page_token=token_for(FIRST, 1, 2, 3))
    assert len(opened(request, NOW + VALID_SECONDS).earlier) == 3
    assert "older than 3600 s" in refusal(request, NOW + VALID_SECONDS + 1)
    assert len(opened(request, NOW - 60).earlier) == 3, "the clock of another gateway"
    assert "older than" in refusal(request, NOW - 61)


def test_of_a_stack_with_another_key() -> None:
    request = replace(FIRST, page_token=token_for(FIRST, 1, 2, 3))
    assert "none of this stack" in refusal(request, tokens=PageTokens(b"K" * 32))


@pytest.mark.parametrize("token", ["x", "=", "a" * 6001, "ü", "\ud800", "AAAA", " ", "a b", "%00"])
def test_what_is_no_token(token: str) -> None:
    assert "none of this stack" in refusal(replace(FIRST, page_token=token))


@for_all(st.integers(0, 60), st.integers(1, 255))
def test_no_byte_may_be_changed(at: int, flip: int) -> None:
    token = token_for(FIRST, 1, 2, 3)
    signed = bytearray(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    assert len(signed) == 61
    signed[at] ^= flip
    forged = urlsafe_b64encode(signed).decode().rstrip("=")
    assert "none of this stack" in refusal(replace(FIRST, page_token=forged))


def test_a_shorter_token_is_forged() -> None:
    token = token_for(FIRST, 1, 2, 3)
    assert "none of this stack" in refusal(replace(FIRST, page_token=token[:-4]))


class TestKey:
    def test_of_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "page.key"
        file.write_text("0123456789abcdef\n")
        assert page_key(file) == b"0123456789abcdef"

    def test_a_file_that_is_not_there_or_too_short(self, tmp_path: Path) -> None:
        with pytest.raises(StartupError, match="cannot be read"):
            page_key(tmp_path / "absent")
        (tmp_path / "short").write_text("0123456789abcde")
        with pytest.raises(StartupError, match="has 15 bytes"):
            page_key(tmp_path / "short")

    def test_without_a_file_it_is_one_for_the_process(self) -> None:
        assert len(page_key(None)) == 32
        assert page_key(None) == page_key(None)
