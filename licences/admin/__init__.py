"""Licences in the admin."""

from licences.admin.desk import LicenceAdmin

__all__ = ["LicenceAdmin"]
