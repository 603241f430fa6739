"""Rank: the full model, one ONNX graph."""
