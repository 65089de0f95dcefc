"""How the gateway speaks to upstreams, one file per wire. Pure: no sockets, clock or database."""

from gateway.protocols.base import Protocol
from gateway.protocols.openai import OpenAI

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (OpenAI(),)}
