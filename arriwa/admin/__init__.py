"""The staff's site: what support needs to see and do, and nothing else (docs/staff.md).

Only what is registered here is shown. The tables of an organization appear after staff have entered it,
which its audit log tells.
"""

from arriwa.admin import accounts as accounts
from arriwa.admin import doors as doors
from arriwa.admin import effects as effects
from arriwa.admin import resources as resources
from arriwa.admin.site import site as site
