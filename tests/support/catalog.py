"""A schema as PostgreSQL's catalog describes it, without its name: to compare one with another.

Not read the way `tenants.schemas.catalog` reads it: what that one overlooks must show here.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

_COLUMNS = """
SELECT c.relname, a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), t.typname, a.atttypmod,
    a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attcompression, a.attcollation,
    a.attoptions, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = %s AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 3
"""
_CONSTRAINTS = """
SELECT c.relname, n.conname, n.contype, n.condeferrable, n.condeferred, n.convalidated,
    pg_get_constraintdef(n.oid)
FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid WHERE n.connamespace = %s ORDER BY 1, 2
"""
_INDEXES = """
SELECT c.relname, x.relname, i.indisunique, i.indisprimary, i.indimmediate, i.indnullsnotdistinct,
    pg_get_indexdef(x.oid)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = %s ORDER BY 1, 2
"""
_RELATIONS = """
SELECT c.relname, c.relkind, c.relpersistence, c.relreplident, c.relrowsecurity, c.reloptions,
    c.reltablespace, pg_get_userbyid(c.relowner), obj_description(c.oid, 'pg_class'), c.relhastriggers,
    c.relchecks, c.relacl
FROM pg_class c WHERE c.relnamespace = %s ORDER BY 1
"""
_SEQUENCES = """
SELECT c.relname, q.seqtypid::regtype, q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache, q.seqcycle
FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid WHERE c.relnamespace = %s ORDER BY 1
"""
_OTHERS = """
SELECT 'type', typname, typtype FROM pg_type WHERE typnamespace = %s
UNION ALL SELECT 'function', proname, '' FROM pg_proc WHERE pronamespace = %s ORDER BY 1, 2
"""
QUERIES = {
    "relations": _RELATIONS,
    "columns": _COLUMNS,
    "constraints": _CONSTRAINTS,
    "indexes": _INDEXES,
    "sequences": _SEQUENCES,
}


def catalog(schema_name: str) -> dict[str, list[Any]]:
    """Relations, columns, constraints, indexes, sequences with their values, and recorded migrations."""
    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid, quote_ident(nspname) FROM pg_namespace WHERE nspname = %s", (schema_name,)
        )
        [(oid, quoted)] = cursor.fetchall()
        # Names of this schema are given without it.
        cursor.execute(f"SET LOCAL search_path = {quote(schema_name)}")

        def rows(query: str, *values: Any) -> list[Any]:
            cursor.execute(query, values or None)
            return cursor.fetchall()

        found = {name: rows(query, oid) for name, query in QUERIES.items()}
        # But for the table of an index.
        found["indexes"] = [
            (*row[:-1], row[-1].replace(f" ON {quoted}.", " ON ", 1)) for row in found["indexes"]
        ]
        found["others"] = rows(_OTHERS, oid, oid)
        names = [quote(row[0].replace('"', '""')) for row in found["sequences"]]
        found["values"] = [(name, *rows(f"SELECT last_value, is_called FROM {name}")[0]) for name in names]
        found["migrations"] = rows("SELECT id, app, name FROM django_migrations ORDER BY id")
    return found
