"""The console's pages that are more than a list or a form of one model."""
