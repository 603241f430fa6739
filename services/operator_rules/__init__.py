"""What an operator may say about final lists; a library, so that rerank and the gateway agree."""
