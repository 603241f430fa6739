"""AdminService: for those who run the stack, on a port of its own, by token."""
