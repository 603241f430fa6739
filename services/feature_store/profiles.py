"""Replaces the profile of a user."""

from services.domain.user_state import ProfileQuery, Stored
from services.feature_store.connection import Command, Reply
from services.feature_store.layout import PROFILE, Layout, user_key
from services.feature_store.limits import profile_error
from services.feature_store.records import encode_profile
from services.feature_store.script import PUT_PROFILE
from services.feature_store.stage import Operation


def put_profile(layout: Layout) -> Operation[ProfileQuery, Stored]:
    """The operation; history and shown items stay as they are."""

    def command(query: ProfileQuery) -> Command:
        key, expiry = (user_key(query.user_id),), layout.expiry(query.user_id)
        return PUT_PROFILE.command(key, expiry, PROFILE, encode_profile(query.profile))

    return Operation("profile", profile_error, command, _decode)


def _decode(query: ProfileQuery, reply: Reply) -> Stored:
    return Stored()
