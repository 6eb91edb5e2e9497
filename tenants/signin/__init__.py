"""Signing in by Facebook, as far as it needs no call to Facebook: grants, permissions, being forgotten (T1)."""
