"""A server that runs already, asked over HTTP or the Wyoming protocol."""
