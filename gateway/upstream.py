"""A described request to a platform, made. One `Upstream` holds all connections of a process."""

from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import aiohttp

from gateway import trust
from gateway.direct.wire import DirectWire
from gateway.sandbox import SandboxTransport
from gateway.shapes import Failure, Headers, UpstreamRequest
from gateway.signing import Signer
from gateway.wires import (
    ERRORS,
    AiohttpWire,
    Broken,
    Disconnected,
    NameUnknown,
    NotConnected,
    NotHttp,
    Refused,
    TransportWire,
    Untrusted,
    UpstreamResponse,
    Wire,
)
from platforms.routes import CredentialSpec, PlatformSpec

_NO_FILES: Mapping[str, Path] = {}


class Upstream:
    """All connections to platforms. One per process."""

    def __init__(self, wire: Wire | None = None) -> None:
        """`wire`: carries everything, in tests; by default one of our own and one per proxy."""
        self._wire = wire
        self._wires: dict[str, Wire] = {}
        self._sandbox = TransportWire(SandboxTransport())
        self._signer = Signer(self._wire_for)

    async def headers(self, platform: PlatformSpec, credential: CredentialSpec) -> Headers:
        """What a call with this credential carries, for those who make it themselves.

        Raises Failure.
        """
        return await self._signer.headers(platform, credential)

    async def send(
        self,
        platform: PlatformSpec,
        credential: CredentialSpec,
        request: UpstreamRequest,
        files: Mapping[str, Path] = _NO_FILES,
    ) -> UpstreamResponse:
        """Make the call; returns when the answer's headers are there. Raises Failure.

        Waits without a limit of its own but for the connection; the caller's watch ends it.
        `files`: where the files are that the body names.
        """
        wire = self._wire_for(platform, credential)
        headers = credential.headers
        if credential.service_account:  # asked here, so that the others wait for nothing
            headers = await self._signer.headers(platform, credential)
        try:
            response = await wire.send(
                request.method,
                (request.base or platform.base_url) + request.path,
                headers + request.headers,
                request.body,
                platform.timeouts.connect_s,
                files,
            )
        except ERRORS as error:
            _fail(error)
        if response.status == 401 and credential.service_account:
            self._signer.refused(credential)
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for wire in self._wires.values():
            await wire.aclose()
        self._wires.clear()

    def _wire_for(self, platform: PlatformSpec, credential: CredentialSpec) -> Wire:
        if self._wire is not None:
            return self._wire
        if platform.base_url.startswith("sandbox:"):
            return self._sandbox
        wire = self._wires.get(credential.proxy)
        if wire is None:
            wire = AiohttpWire(trust.authorities(), credential.proxy)
            if not credential.proxy:
                wire = DirectWire(trust.authorities(), wire)
            self._wires[credential.proxy] = wire
        return wire


def _fail(error: Exception) -> NoReturn:
    """What went wrong on the way, in words without addresses: those may hold a proxy's password."""
    unsent = isinstance(error, _UNSENT)
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            raise Failure("unreachable", sentence, unsent=unsent) from error
    if isinstance(error, aiohttp.ClientResponseError | NotHttp):
        raise Failure("broken", "The platform answered something that is not HTTP.") from error
    raise Failure("unreachable", "No connection to the platform could be made.") from error


# No connection stood, so nothing of the request has reached the platform.
_UNSENT = (
    NotConnected,
    aiohttp.ClientConnectorError,
    aiohttp.ClientProxyConnectionError,
    TimeoutError,
)
# The first that fits.
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientProxyConnectionError, "The platform's outbound proxy cannot be reached."),
    (aiohttp.ClientHttpProxyError, "The platform's outbound proxy refused the connection."),
    (NameUnknown, "The platform's host name cannot be resolved."),
    (aiohttp.ClientConnectorDNSError, "The platform's host name cannot be resolved."),
    (Untrusted, "No trusted TLS connection to the platform can be made."),
    (aiohttp.ClientSSLError, "No trusted TLS connection to the platform can be made."),
    (Refused, "The platform's address refuses connections."),
    (aiohttp.ClientConnectorError, "The platform's address refuses connections."),
    (TimeoutError, "The connection to the platform did not stand in time."),
    (Disconnected, "The platform closed the connection without an answer."),
    (Broken, "The connection to the platform broke before its answer."),
    (aiohttp.ServerDisconnectedError, "The platform closed the connection without an answer."),
    (aiohttp.ClientOSError, "The connection to the platform broke before its answer."),
)
