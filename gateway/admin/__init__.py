"""The gateway's pages in the console."""

from gateway.admin.alerts import AlertAdmin, AlertTargetAdmin
from gateway.admin.media import MediaTaskAdmin
from gateway.admin.usage import UsageDayAdmin, UsageRecordAdmin

__all__ = [
    "AlertAdmin",
    "AlertTargetAdmin",
    "MediaTaskAdmin",
    "UsageDayAdmin",
    "UsageRecordAdmin",
]
