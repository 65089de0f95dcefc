"""What one process learns of credentials and the others must know. Pure; `sharing` passes it on."""

from dataclasses import dataclass, field

Cooled = dict[tuple[int, str], tuple[float, str]]
"""Credential and model: until when (monotonic) or for how long (seconds), and why."""


@dataclass(slots=True)
class News:
    """What is to be told; each process has one, and takes what is in it when it tells."""

    cooled: Cooled = field(default_factory=dict)
    disabled: dict[int, str] = field(default_factory=dict)
    """Credential: why it is out of service."""
    recovered: set[int] = field(default_factory=set)
    """Credentials that carried a call for the first time since they were out of service."""

    def taken(self, now: float) -> "News":
        """What is in it, with seconds instead of moments; it is empty then."""
        cooled = {at: (until - now, why) for at, (until, why) in self.cooled.items() if until > now}
        taken = News(cooled, self.disabled, self.recovered)
        self.cooled, self.disabled, self.recovered = {}, {}, set()
        return taken

    def put_back(self, taken: "News", now: float) -> None:
        """It could not be told; what is newer stays."""
        for at, (seconds, why) in taken.cooled.items():
            self.cooled.setdefault(at, (now + seconds, why))
        self.disabled = {**taken.disabled, **self.disabled}
        self.recovered |= taken.recovered

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.cooled or self.disabled or self.recovered)
