"""Runs Arriwa on one machine: the embedded server, the processes, the checks.

Standard library and psycopg only. Nothing here imports Django: the product is reached through `manage.py`.
"""
