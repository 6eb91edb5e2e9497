"""`bin/bench`: what Arriwa does per second and how late, each figure beside its limit of the same run.

docs/performance.md tells how each figure is measured and what bounds it.
"""
