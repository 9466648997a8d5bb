"""One module per command; its ``app`` holds the command, or has a name and holds several."""
