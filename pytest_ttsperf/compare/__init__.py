"""Two versions side by side: revisions, blocks of four arms, decision and report."""
