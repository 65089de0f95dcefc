"""The gateway's pages in the console."""

from gateway.admin.media import MediaTaskAdmin
from gateway.admin.usage import UsageDayAdmin, UsageRecordAdmin

__all__ = ["MediaTaskAdmin", "UsageDayAdmin", "UsageRecordAdmin"]
