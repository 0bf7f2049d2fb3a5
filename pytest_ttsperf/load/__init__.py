"""Many listeners at once: the requests of a crowd, their windows, and what follows from them."""
