"""How fast, how lean: the gateway beside a bare relay, in the same run on the same core."""
