"""HTTP/1.1 to platforms with nothing between: httptools over the event loop's own connections.

For bodies that are bytes and connections without a proxy, which every chat call is; the rest goes
over aiohttp (`wires.AiohttpWire`). Why both: docs/decisions/0013, with what it bought.
"""
