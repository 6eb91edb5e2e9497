"""Chatflows: agentflows, playbook, trial chat, going live, known customers (T3; design 5)."""
