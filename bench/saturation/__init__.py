"""Where PostgreSQL and Redis saturate under what gateways ask of them; what an idle one asks."""
