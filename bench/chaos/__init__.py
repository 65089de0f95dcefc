"""Three gateways that are killed, platforms that misbehave, a database that stops: what holds?"""
