"""A soak: one target speaks for long, with or without others listening; does it stay as it was?"""
