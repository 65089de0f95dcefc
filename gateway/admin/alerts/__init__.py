"""The console's pages for alerts: what is wrong, and who is told of it."""

from gateway.admin.alerts.list import AlertAdmin
from gateway.admin.alerts.targets import AlertTargetAdmin

__all__ = ["AlertAdmin", "AlertTargetAdmin"]
