"""Every metric there is: one table, the instruments made of it, and its page of documentation."""
