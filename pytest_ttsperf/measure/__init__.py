"""Text in, recordings out: the corpus, the recorder, the targets and the order of trials."""
