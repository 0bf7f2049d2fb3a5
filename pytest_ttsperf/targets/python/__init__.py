"""Targets that are Python objects, in a worker or in this process."""
