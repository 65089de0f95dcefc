"""Five million usage records, ten thousand licences: pages of the console, reports, a start."""
