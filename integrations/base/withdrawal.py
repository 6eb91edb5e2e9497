"""Before a connection is removed, the platform forgets what we made there (T2).

Best effort: a platform that is down or refuses keeps nobody from removing a connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from arriwa.common.errors import ArriwaError
from integrations.models import Connection

logger = logging.getLogger(__name__)

Withdrawal = Callable[[Connection], None]
_withdrawals: dict[str, Withdrawal] = {}


def register_withdrawal(platform: str, withdrawal: Withdrawal) -> None:
    """Makes `withdrawal` take back what the platform's connections made there. It may raise ArriwaError."""
    _withdrawals[platform] = withdrawal


def connection_withdraw(connection: Connection) -> bool:
    """Takes back hooks, keys and agentflows of ours at the platform; whether all of it is gone.

    Call it outside a transaction, before `connection_remove` destroys the secrets; repeated, it finds
    nothing. False also for a platform where only its owner can take something back.
    """
    withdrawal = _withdrawals.get(connection.platform)
    if withdrawal is None or connection.removed_at is not None:
        return False
    try:
        withdrawal(connection)
    except ArriwaError as error:
        logger.warning("%s kept what we made there: %s", connection.platform, error.code)
        return False
    return True
