"""ONNX sessions and release slots: how a service holds the models of several releases."""
