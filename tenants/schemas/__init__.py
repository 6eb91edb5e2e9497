"""Organizations' schemas: the template they are made from, and how far each is migrated (decision 10)."""
