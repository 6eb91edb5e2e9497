"""What changes the domain's facts. Every function runs in the organization's schema."""
