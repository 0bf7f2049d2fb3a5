"""From the bytes of a response or of a program's output to samples, as they come."""
