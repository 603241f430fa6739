"""Prerank: a light scorer that cuts hundreds of candidates to those worth ranking."""
