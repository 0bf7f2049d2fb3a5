"""A target in a process of its own: both ends of the connection and its protocol."""
