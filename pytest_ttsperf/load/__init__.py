"""Many listeners: what is offered, who offers it, and what came of it."""
