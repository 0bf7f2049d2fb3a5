"""One file per family of voices: phoneme ids -> a stream of waveforms."""
