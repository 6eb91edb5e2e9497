"""/wa-onboarding: from nothing to a WhatsApp number that sends (T3.2, T3.3)."""
