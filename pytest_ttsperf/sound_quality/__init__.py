"""What is slow to judge, on request: words, timbre, loudness, seams."""
