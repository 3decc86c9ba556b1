"""The profile: one page on a workspace's raw data, before any model is thought of."""

from ml.pages.profile.profile_page import Written, write_profile

__all__ = ["Written", "write_profile"]
