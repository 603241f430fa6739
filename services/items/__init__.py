"""The item table: what is put, hidden, expired and deleted while releases serve; kept in Redis."""
