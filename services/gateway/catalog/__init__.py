"""The calls on items: put, hide, show, expire, delete and get."""
