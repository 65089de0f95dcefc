"""First steps: the path from an empty system to the first call, ticked off from what is there."""
