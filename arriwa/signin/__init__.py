"""Signing in by Facebook: the flow around django-allauth, consents, grants, being forgotten (T1, T3).

What needs no call to Facebook is in `tenants.signin`.
"""
