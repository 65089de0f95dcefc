"""One file per resource that clients call: read, call, answer."""
