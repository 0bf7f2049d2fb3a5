"""Is this machine fit for gating? Checks, a tone to try them on, and the report."""
