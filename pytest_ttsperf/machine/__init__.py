"""The machine underneath: what it is, what else it does, and how to keep it awake."""
