"""Reads a schema out of PostgreSQL's catalog as statements that make another one like it.

No name of a schema is in them: both reading and running happen with the schema alone on the search path,
and PostgreSQL leaves out the names of schemas that it finds by itself. So nothing is renamed in texts, no
pg_dump is needed beside the server, and the tables belong to whoever runs the statements.

What Django's migrations make is read; anything else is refused, so that no organization lacks it silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from arriwa.common.errors import ArriwaError

MIGRATIONS = "django_migrations"


class TemplateIncomplete(ArriwaError):
    """Migrations made something that the template of organizations cannot carry; extend its reader."""


# Whatever has no place in the statements below: each row names one such thing.
_FOREIGN = """
SELECT 'relation ' || c.relname FROM pg_class c WHERE c.relnamespace = %(schema)s
    AND (c.relkind NOT IN ('r', 'i', 'S') OR c.relpersistence <> 'p' OR c.relispartition
         OR c.reloptions IS NOT NULL OR c.relrowsecurity OR c.reltablespace <> 0
         OR c.relkind = 'r' AND c.relreplident <> 'd')
UNION ALL SELECT 'inheritance of ' || c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
    WHERE c.relnamespace = %(schema)s
UNION ALL SELECT 'sequence ' || c.relname FROM pg_class c
    WHERE c.relnamespace = %(schema)s AND c.relkind = 'S' AND NOT EXISTS (
        SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')
UNION ALL SELECT 'function ' || p.proname FROM pg_proc p WHERE p.pronamespace = %(schema)s
UNION ALL SELECT 'operator ' || o.oprname FROM pg_operator o WHERE o.oprnamespace = %(schema)s
UNION ALL SELECT 'collation ' || l.collname FROM pg_collation l WHERE l.collnamespace = %(schema)s
UNION ALL SELECT 'statistics ' || s.stxname FROM pg_statistic_ext s WHERE s.stxnamespace = %(schema)s
UNION ALL SELECT 'type ' || t.typname FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
    WHERE t.typnamespace = %(schema)s AND t.typrelid = 0 AND coalesce(e.typrelid, 0) = 0
UNION ALL SELECT 'trigger ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = %(schema)s AND NOT t.tgisinternal
UNION ALL SELECT 'policy ' || p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = %(schema)s
UNION ALL SELECT 'rule ' || r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    WHERE c.relnamespace = %(schema)s
UNION ALL SELECT 'constraint ' || n.conname FROM pg_constraint n
    WHERE n.connamespace = %(schema)s AND (n.contype NOT IN ('p', 'u', 'c', 'f', 'x', 'n')
        OR NOT n.convalidated OR n.contype = 'n' AND n.connoinherit)
ORDER BY 1
"""
# Since PostgreSQL 18 "not null" is a constraint with a name of its own; older servers pass over the name.
_COLUMNS = """
SELECT c.relname, quote_ident(c.relname), quote_ident(a.attname)
    || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation
       THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END
    || CASE WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid)
            || CASE a.attgenerated WHEN 's' THEN ') STORED' ELSE ') VIRTUAL' END
       WHEN d.adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) ELSE '' END
    || CASE a.attidentity WHEN '' THEN '' ELSE
       ' GENERATED ' || CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END
       || ' AS IDENTITY (SEQUENCE NAME ' || quote_ident(s.relname) || ' START WITH ' || q.seqstart
       || ' INCREMENT BY ' || q.seqincrement || ' MINVALUE ' || q.seqmin || ' MAXVALUE ' || q.seqmax
       || ' CACHE ' || q.seqcache || CASE WHEN q.seqcycle THEN ' CYCLE)' ELSE ' NO CYCLE)' END END
    || CASE WHEN a.attnotnull
       THEN coalesce(' CONSTRAINT ' || quote_ident(n.conname), '') || ' NOT NULL' ELSE '' END,
    quote_ident(a.attname), col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_constraint n ON n.conrelid = c.oid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum]
    LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass
        AND o.refobjid = c.oid AND o.refobjsubid = a.attnum AND o.deptype = 'i' AND a.attidentity <> ''
    LEFT JOIN pg_class s ON s.oid = o.objid LEFT JOIN pg_sequence q ON q.seqrelid = o.objid
WHERE c.relnamespace = %(schema)s AND c.relkind = 'r' ORDER BY c.oid, a.attnum
"""
_TABLE_COMMENTS = """
SELECT quote_ident(c.relname), d.description FROM pg_class c
    JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE c.relnamespace = %(schema)s AND c.relkind = 'r' ORDER BY c.oid
"""
_CONSTRAINTS = """
SELECT quote_ident(c.relname), 'CONSTRAINT ' || quote_ident(n.conname) || ' ' || pg_get_constraintdef(n.oid),
    n.contype = 'f'
FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
WHERE n.connamespace = %(schema)s AND n.contype <> 'n' ORDER BY n.oid
"""
# The table's name is always given with its schema here: it stands in a known place and is cut out.
_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid),
    'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || quote_ident(x.relname)
    || ' ON ', quote_ident(n.nspname) || '.', quote_ident(c.relname) || ' '
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.oid = %(schema)s AND NOT EXISTS (
    SELECT 1 FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
ORDER BY i.indexrelid
"""


def schema_statements(schema_name: str) -> list[str]:
    """Statements that make the schema's tables, constraints and indexes, to be run with the new one alone
    on the search path. No rows are among them.

    Must run in a transaction, whose search path it changes. Raises TemplateIncomplete for anything that it
    cannot read, rows of other tables than django_migrations included.
    """
    with connection.cursor() as cursor:
        path = connection.ops.quote_name(schema_name)
        cursor.execute(f"SET LOCAL search_path = {path}")
        cursor.execute("SELECT oid FROM pg_namespace WHERE nspname = %s", (schema_name,))
        row = cursor.fetchone()
        if row is None:
            raise TemplateIncomplete(f"There is no schema {schema_name} to make a template from.")
        values = {"schema": row[0]}

        def rows(query: str) -> list[tuple[Any, ...]]:
            cursor.execute(query, values)
            return list(cursor.fetchall())

        foreign = [text for (text,) in rows(_FOREIGN)]
        columns = rows(_COLUMNS)
        foreign += [f"rows of {name}" for name in _filled(cursor, columns)]
        if foreign:
            raise TemplateIncomplete(
                f"The template of organizations cannot carry {', '.join(foreign)}:"
                " extend tenants/schemas/catalog.py, and make rows when an organization is born."
            )
        constraints = rows(_CONSTRAINTS)
        return [
            *_tables(columns, constraints),
            *(_index(*row) for row in rows(_INDEXES)),
            *_foreign_keys(constraints),
            *_comments(columns, rows(_TABLE_COMMENTS)),
        ]


def _filled(cursor: Any, columns: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """Tables with rows: a template carries none."""
    for name, quoted in dict.fromkeys((row[0], row[1]) for row in columns):
        if name != MIGRATIONS:
            cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted})")
            if cursor.fetchone()[0]:
                yield name


def _tables(columns: Sequence[tuple[Any, ...]], constraints: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    tables: dict[str, list[str]] = {}
    for _, table, definition, _, _ in columns:
        tables.setdefault(table, []).append(definition)
    for table, definition, foreign in constraints:
        if not foreign:
            tables[table].append(definition)
    for table, definitions in tables.items():
        yield f"CREATE TABLE {table} ({', '.join(definitions)})"


def _foreign_keys(constraints: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """They come late: the keys that they point at must be there. One statement for a table's is quicker."""
    tables: dict[str, list[str]] = {}
    for table, definition, foreign in constraints:
        if foreign:
            tables.setdefault(table, []).append(f"ADD {definition}")
    for table, definitions in tables.items():
        yield f"ALTER TABLE {table} {', '.join(definitions)}"


def _index(definition: str, head: str, schema: str, rest: str) -> str:
    prefix = f"{head}{schema}{rest}"
    if not definition.startswith(prefix):
        raise TemplateIncomplete(f"The index {head!r} reads unlike any known: {definition}.")
    return f"{head}{rest}{definition[len(prefix) :]}"


def _comments(columns: Sequence[tuple[Any, ...]], tables: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    for table, text in tables:
        yield f"COMMENT ON TABLE {table} IS {_literal(text)}"
    for _, table, _, column, text in columns:
        if text is not None:
            yield f"COMMENT ON COLUMN {table}.{column} IS {_literal(text)}"


def _literal(text: str) -> str:
    """A text in SQL, whatever standard_conforming_strings says."""
    quoted = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{quoted}'" if "\\" in text else f"'{quoted}'"
