"""From numbers to verdicts; nothing here knows of audio, processes or pytest."""
