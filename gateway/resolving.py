"""Names looked up once, and connected to only where all their addresses may be reached."""

import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from gateway.addresses import Network, Resolve, is_public, literal

_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


class Private(Exception):
    """A name that leads to an address that is not public."""


class Resolver(AbstractResolver):
    """Looks a name up once; aiohttp connects to what it says and nowhere else."""

    def __init__(self, resolve: Resolve, networks: Sequence[Network], *, allowed: bool) -> None:
        """`networks`: private ones that may be reached; `allowed`: whatever the name leads to."""
        self._resolve = resolve
        self._networks = networks
        self._allowed = allowed
        self._said: list[str] = []

    @override
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        # Kept, as aiohttp makes a request anew when a server closes without an answer.
        self._said = self._said or await self._resolve(host, port)
        found = [address for text in self._said if (address := literal(text)) is not None]
        if not found:
            raise OSError("no address")
        # Every one of them: which is used is chance.
        if not self._allowed and not all(is_public(one, self._networks) for one in found):
            raise Private
        return [
            ResolveResult(
                hostname=host, host=str(ip), port=port, family=_FAMILY[ip.version], proto=0, flags=0
            )
            for ip in found
        ]

    @override
    async def close(self) -> None:
        """Nothing to close."""
