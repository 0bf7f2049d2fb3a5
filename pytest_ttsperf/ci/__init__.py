"""A run in CI: what the change is compared with, the run, its summary, and one comment about it."""
