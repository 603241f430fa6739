"""The tests of the clients, against the stack in containers: they know it by its ports alone."""

import pytest

from recstack import Client
from tests.compose.engine import ComposeStack
from tests.e2e.test_catalog import (
    test_a_deleted_new_item_is_gone_at_once,
    test_an_expired_item_is_gone,
    test_categories_are_the_only_ones_in_the_list,
    test_pages_never_repeat_an_item,
    test_tags_of_new_items_filter,
)
from tests.e2e.test_lists import (
    test_an_event_sent_twice_counts_once,
    test_an_unknown_user_gets_a_list_that_says_so,
    test_call_lists_services_and_says_what_is_wrong,
    test_similar_items_do_not_have_the_item_itself,
    test_users_side_by_side_are_each_shown_nothing_twice,
    test_what_was_shown_is_not_shown_in_the_next_20_requests,
)
from tests.e2e.test_load import test_a_short_load_is_answered_and_counted
from tests.e2e.test_readme import test_example

__all__ = [
    "test_a_deleted_new_item_is_gone_at_once",
    "test_a_short_load_is_answered_and_counted",
    "test_an_event_sent_twice_counts_once",
    "test_an_expired_item_is_gone",
    "test_an_unknown_user_gets_a_list_that_says_so",
    "test_call_lists_services_and_says_what_is_wrong",
    "test_categories_are_the_only_ones_in_the_list",
    "test_example",
    "test_pages_never_repeat_an_item",
    "test_similar_items_do_not_have_the_item_itself",
    "test_tags_of_new_items_filter",
    "test_users_side_by_side_are_each_shown_nothing_twice",
    "test_what_was_shown_is_not_shown_in_the_next_20_requests",
]


@pytest.mark.parametrize("first", [True, False], ids=["gateway", "gateway-2"])
def test_a_page_of_one_gateway_goes_on_at_the_other(stack: ComposeStack, first: bool) -> None:
    addresses = (stack.grpc, stack.second) if first else (stack.second, stack.grpc)
    with Client(addresses[0]) as one, Client(addresses[1]) as other:
        page = one.recommend("700", k=5)
        after = other.recommend("700", k=5, page_token=page.next_page_token)
    assert len({item.item_id for item in (*page.items, *after.items)}) == 10
