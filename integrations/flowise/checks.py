"""The *test* button."""
