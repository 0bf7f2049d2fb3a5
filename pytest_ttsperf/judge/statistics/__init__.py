"""The statistics that verdicts rest on: pure functions from arrays to numbers."""
