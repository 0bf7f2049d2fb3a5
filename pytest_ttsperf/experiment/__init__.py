"""One cell through the stages: text in, verdict and artifact out."""
