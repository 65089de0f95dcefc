"""How much a licence may use: requests, tokens, calls at once, money.

`terms` says what is limited, `limiter` is what callers use; `memory` and `redis` hold the counters.
"""
