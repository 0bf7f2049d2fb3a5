"""Verdicts in, text and files out; nothing is decided here."""
