"""The control API: requests in, orders and views out; and its client."""
