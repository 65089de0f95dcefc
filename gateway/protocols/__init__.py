"""How the gateway speaks to upstreams, one file per wire. Pure: no sockets, clock or database."""

from gateway.protocols.anthropic import Anthropic
from gateway.protocols.ark import Ark
from gateway.protocols.base import Protocol
from gateway.protocols.dashscope import DashScope
from gateway.protocols.gemini import Gemini
from gateway.protocols.openai import OpenAI
from gateway.protocols.xai import XAI
from gateway.protocols.zhipu import Zhipu

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (OpenAI(), Anthropic(), Ark(), DashScope(), XAI(), Zhipu(), Gemini())
}
