"""Settings of the organization: members, API tokens, audit log."""
