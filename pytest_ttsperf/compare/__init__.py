"""Two versions side by side: revisions, blocks of three arms, decision and report."""
