"""Processes of their own that send the requests of a trace, and say how well they kept to it."""
