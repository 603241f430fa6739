"""recstack: an online recommendation serving stack."""
