"""The hibari family: a small streaming model, cut into stages."""
