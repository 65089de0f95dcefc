"""The gateway's pages in the console."""

from gateway.admin.alerts import AlertAdmin, AlertTargetAdmin
from gateway.admin.audit import AuditEventAdmin
from gateway.admin.media import MediaTaskAdmin
from gateway.admin.people import PeopleAdmin, RolesAdmin
from gateway.admin.usage import UsageDayAdmin, UsageRecordAdmin

__all__ = [
    "AlertAdmin",
    "AlertTargetAdmin",
    "AuditEventAdmin",
    "MediaTaskAdmin",
    "PeopleAdmin",
    "RolesAdmin",
    "UsageDayAdmin",
    "UsageRecordAdmin",
]
