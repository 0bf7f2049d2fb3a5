"""Several ways to run one target side by side: execution providers, or settings of the runtime."""
