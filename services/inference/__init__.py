"""Releases in memory: ONNX sessions, slots, and the stage that answers from them."""
