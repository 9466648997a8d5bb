"""UPO SDK."""
