"""A server that runs already, measured over HTTP or the Wyoming protocol."""
