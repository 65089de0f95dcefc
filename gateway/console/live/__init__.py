"""Live requests: the page, the socket that feeds it, and who may open that."""
