"""The playground: an operator calls as a licence would, and sees everything that comes of it."""
