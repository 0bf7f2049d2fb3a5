"""From text to segments and phonemes."""
