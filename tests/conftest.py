"""Settings of every suite."""

from hypothesis import settings

# A test asks whether code is right, not how fast a shared machine is; and the same examples each
# time, so that a red run can be repeated.
settings.register_profile("recstack", deadline=None, derandomize=True)
settings.load_profile("recstack")
