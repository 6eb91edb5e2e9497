"""Signing in by Facebook, as far as no call to Facebook is needed: grants, permissions, deletion (T1)."""
