"""The only importers of onnxruntime and onnx: providers, sessions, graph surgery."""
