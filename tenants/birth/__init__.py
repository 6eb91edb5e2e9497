"""How an organization is born from a Facebook Page (T1): asked for, made step by step, watched.

    request → Birth (waiting) → steps, each a transaction with its mark → Organization + Membership

Nobody meets half of one: the organization's row and its owner's membership come with the last step.
"""

from tenants.birth.errors import BirthRefused, PageBusy, PageTaken
from tenants.birth.progress import Progress, StepProgress, birth_progress
from tenants.birth.requests import birth_request, birth_retry
from tenants.birth.steps import STEPS, birth_advance, births_advance

__all__ = [
    "STEPS",
    "BirthRefused",
    "PageBusy",
    "PageTaken",
    "Progress",
    "StepProgress",
    "birth_advance",
    "birth_progress",
    "birth_request",
    "birth_retry",
    "births_advance",
]
