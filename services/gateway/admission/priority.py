"""Who is refused first when there is too much."""

from enum import Enum


class Priority(Enum):
    """Kinds of calls; `share`: the part of the limit up to which calls in flight leave room for it.

    What a call is worth to those who wait for it decides, and what refusing it would break:

    - an event that is lost makes every later list worse, and is cheap to take;
    - a page belongs to a list that somebody is reading;
    - a logged-in user's list is personal; an anonymous visitor's is close to the popular one, which
      a client can keep for such times;
    - similar items are beside something else on the page; Explain is for people who look into it.

    So when half the limit is in use, similar items are refused, and lists are not.
    """

    WRITE = ("write", 1.0)
    PAGING = ("paging", 1.0)
    LOGGED_IN = ("logged_in", 0.9)
    ANONYMOUS = ("anonymous", 0.75)
    SIMILAR = ("similar", 0.5)
    EXPLAIN = ("explain", 0.4)

    def __init__(self, label: str, share: float) -> None:
        self.label = label
        self.share = share


def of_list(user_id: str, page_token: str) -> Priority:
    """The priority of a Recommend; an empty `user_id` is an anonymous visitor's."""
    if page_token:
        return Priority.PAGING
    return Priority.LOGGED_IN if user_id else Priority.ANONYMOUS
