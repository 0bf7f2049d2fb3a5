"""A program as target: its process, and where the audio of one text ends."""
