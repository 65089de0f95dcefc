"""Whom connections by TLS trust: the machine's certificate authorities."""

import functools
import ssl


@functools.cache
def authorities() -> ssl.SSLContext:
    """One for all of a process: to read them takes 20 to 100 ms, to hold them some megabytes."""
    return ssl.create_default_context()
