"""Likely causes and next steps: rules over the evidence of a run."""
