"""The profile: one page on a workspace's staged data, without features or models."""

from ml.pages.profile.profile_page import ProfileFiles, write_profile

__all__ = ["ProfileFiles", "write_profile"]
