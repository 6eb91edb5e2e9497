"""The bot in a chat of the owner's own: the same machine, and nothing of it leaves the page. Pure."""
