"""The piper family (VITS), with phonemes by espeak-ng."""
