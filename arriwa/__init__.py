"""Arriwa: WhatsApp AI agents with end-to-end analytics, from the ad click to the sale."""
