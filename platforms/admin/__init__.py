"""The console's pages for platforms, credentials and model mappings."""

from platforms.admin.credentials import CredentialAdmin
from platforms.admin.mappings import ModelMappingAdmin
from platforms.admin.platforms import PlatformAdmin

__all__ = ["CredentialAdmin", "ModelMappingAdmin", "PlatformAdmin"]
