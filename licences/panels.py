"""What a licence's page shows of other apps, which this app does not know.

Registered once, at the start, by an app that knows both sides: `panels.register(usage=…, …)`. What
nobody has registered is left out of the page.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString

from licences.limits.terms import Bucket, Usage
from licences.models import Licence


@dataclass(frozen=True, slots=True)
class Reach:
    """A platform that answers calls, with the chat models that are known to be there."""

    slug: str
    name: str
    models: tuple[str, ...] = ()
    """Names that callers use. Default: empty, none are known."""
    passes_unmapped: bool = False
    """Whether any other name is sent to the platform as it is. Default: False."""


UsagePanel = Callable[[HttpRequest, Licence], SafeString | str]
"""Usage and last requests as HTML; empty where who asks may not see them."""
UsagesOf = Callable[[Sequence[Bucket]], list[Usage] | None]
"""What buckets hold now, in their order; None: that cannot be told at the moment."""
Reaches = Callable[[], Iterable[Reach]]


class Panels:
    """The registered functions."""

    def __init__(self) -> None:
        self.usage: UsagePanel | None = None
        self.usages_of: UsagesOf | None = None
        self.reaches: Reaches | None = None

    def register(self, *, usage: UsagePanel, usages_of: UsagesOf, reaches: Reaches) -> None:
        """Set the functions that know."""
        self.usage, self.usages_of, self.reaches = usage, usages_of, reaches


panels = Panels()
