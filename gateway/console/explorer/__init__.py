"""The usage explorer: who used what, when, sliced as an operator asks; on a page and as CSV."""
