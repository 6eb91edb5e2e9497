"""The statements by which deliveries are read before a call and written around it (ADR 0018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from arriwa.common.statements import Statement, array, row_read, row_related, row_width, selection
from integrations.models import Connection, Delivery

#: What `take` reads: a delivery `d` and its connection `c`, read anew before each call so that a pause or
#: a changed secret is seen.
COLUMNS = f"{selection(Delivery, 'd')}, {selection(Connection, 'c')}"
_DELIVERY_WIDTH = row_width(Delivery)
WIDTH = _DELIVERY_WIDTH + row_width(Connection)

_READ = Statement(f"""
SELECT {COLUMNS} FROM {{schema}}.integrations_delivery d
JOIN {{schema}}.integrations_connection c ON c.id = d.connection_id
WHERE d.id = ANY(%s::uuid[])
""")
# Arrays and not the ORM's bulk_update, whose CASE for each field costs more than the rest of the step.
_STARTED = Statement("""
UPDATE {schema}.integrations_delivery d SET state = 'started', started_at = v.started_at,
    attempts = v.attempts, request_sealed = v.request_sealed, data = v.data
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::bytea[], %s::jsonb[])
    AS v (id, started_at, attempts, request_sealed, data)
WHERE d.id = v.id
""")
_CONFIRMED = Statement("""
UPDATE {schema}.integrations_delivery d SET state = 'confirmed', external_id = v.external_id,
    proof = v.proof, finished_at = v.finished_at, error_code = '', error_text = ''
FROM unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::timestamptz[])
    AS v (id, external_id, proof, finished_at)
WHERE d.id = v.id
""")


def deliveries_read(ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    """Deliveries with their connections, by id; those that are gone are left out."""
    connections: dict[UUID, Connection] = {}
    found = (take(row, connections) for row in _READ.rows(array(ids)))
    return {delivery.id: delivery for delivery in found}


def take(row: Sequence[Any], connections: dict[UUID, Connection]) -> Delivery:
    """The delivery at the head of a row of COLUMNS; one connection instance for all of its deliveries."""
    delivery = row_read(Delivery, row[:_DELIVERY_WIDTH])
    connection = connections.get(delivery.connection_id)
    if connection is None:
        connection = row_read(Connection, row[_DELIVERY_WIDTH:WIDTH])
        connections[connection.id] = connection
    row_related(delivery, "connection", connection)
    return delivery


def deliveries_started(deliveries: Sequence[Delivery]) -> None:
    """Writes that attempts begin: state, time, count, frozen request and data."""
    _STARTED.run(
        array(delivery.id for delivery in deliveries),
        array(delivery.started_at for delivery in deliveries),
        array(delivery.attempts for delivery in deliveries),
        array(delivery.request_sealed for delivery in deliveries),
        array(delivery.data for delivery in deliveries),
    )


def deliveries_confirmed(deliveries: Sequence[Delivery]) -> None:
    """Writes the proofs of confirmed deliveries."""
    _CONFIRMED.run(
        array(delivery.id for delivery in deliveries),
        array(delivery.external_id for delivery in deliveries),
        array(delivery.proof for delivery in deliveries),
        array(delivery.finished_at for delivery in deliveries),
    )
