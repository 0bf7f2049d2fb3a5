"""Earlier runs of a cell: stored, screened against, listed, accepted and pruned."""
