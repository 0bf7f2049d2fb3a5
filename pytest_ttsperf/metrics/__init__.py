"""From raw instants to numbers; nothing here knows of limits, files or pytest."""
