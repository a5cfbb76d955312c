"""DuckDB over the tables: opened for one question, and for nothing else.

A question is one SELECT, and can change nothing: it sees the tables alone, through files that cannot be written
(:mod:`overfeat.results.sql_files`); no other file can be read or written, no setting changed, no extension loaded.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from overfeat.errors import OverFeatError, ResultsError, UnreachableError
from overfeat.places import Place
from overfeat.results.sql_files import PROTOCOL, ReadOnlyFiles

_SAFE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # or a name would find a variable of ours
}
_ASKING = {"SELECT", "EXPLAIN", "MULTI"}
"""Kinds of statement, as DuckDB has them; a PIVOT is MULTI."""
_UNKNOWN = re.compile(r"Table with name (\w+) does not exist")
_LONGEST = 500


@contextmanager
def answering(
    sql: str, names: Iterable[str], files: Callable[[str], Sequence[Place]], missing: Callable[[str], str]
) -> Iterator[duckdb.DuckDBPyRelation]:
    """Give the answer as a relation, which is worked out as it is read within the block.

    Args:
        sql: the question.
        names: of the tables.
        files: lists those of a table.
        missing: returns what to say of a table without files, if it is asked for.

    Raises:
        ResultsError: if the SQL is wrong, also where that shows only within the block, or a table has no files.
        PlaceError: if a table that is asked for may not be read.
        UnreachableError: if its bucket cannot be reached.
    """
    tables, failed = _find(names, files, missing)
    opened = ReadOnlyFiles({f"{table}/{i}": file for table, found in tables.items() for i, file in enumerate(found)})
    with tempfile.TemporaryDirectory(prefix="overfeat-query-") as spill:
        connection = duckdb.connect(":memory:", config={**_SAFE, "temp_directory": spill})
        try:
            _check_asks(connection.extract_statements(sql))
            connection.register_filesystem(opened)
            for table, found in tables.items():
                try:
                    connection.execute(f"CREATE VIEW {table} AS FROM read_parquet({_listed(table, len(found))})")
                except duckdb.Error as error:
                    failed[table], opened.error = _told(str(error), opened, failed), None
            _close_all_but(connection, opened.places)
            yield connection.sql(sql)
        except duckdb.Error as error:
            raise _told(str(error), opened, failed) from error
        finally:
            connection.close()


def _find(
    names: Iterable[str], files: Callable[[str], Sequence[Place]], missing: Callable[[str], str]
) -> tuple[dict[str, Sequence[Place]], dict[str, Exception]]:
    """Return the files of the tables that have any, and an error for each other."""
    tables: dict[str, Sequence[Place]] = {}
    failed: dict[str, Exception] = {}
    for table in names:
        try:
            if found := files(table):
                tables[table] = found
            else:
                failed[table] = ResultsError(missing(table))
        except (OverFeatError, UnreachableError) as error:
            failed[table] = error  # no matter, if another table is asked for
    return tables, failed


def _check_asks(statements: Sequence[Any]) -> None:
    """Raise ResultsError unless there is one statement, and it asks."""
    kinds = [str(statement.type).rpartition(".")[2] for statement in statements]
    if len(kinds) != 1 or kinds[0] not in _ASKING:
        found = f"{len(kinds)} statements" if len(kinds) != 1 else kinds[0]
        raise ResultsError(f"a question is one SELECT (or WITH, FROM, PIVOT, DESCRIBE, SUMMARIZE, SHOW), not {found}")


def _listed(table: str, count: int) -> str:
    """Return the arguments for ``read_parquet``. A folder called ``run=3`` makes no column."""
    return f"[{', '.join(_quoted(f'{PROTOCOL}://{table}/{i}') for i in range(count))}], hive_partitioning = false"


def _close_all_but(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Close all ways out but those to our files, and then the settings."""
    listed = ", ".join(_quoted(f"{PROTOCOL}://{name}") for name in names)
    connection.execute(f"SET allowed_paths = [{listed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _told(message: str, files: ReadOnlyFiles, failed: Mapping[str, Exception]) -> Exception:
    """Return the error for what DuckDB said."""
    if isinstance(files.error, OSError):
        return ResultsError(f"a table cannot be read: {files.error}")
    if files.error is not None:
        return files.error
    unknown = _UNKNOWN.search(message)
    if unknown and unknown[1].lower() in failed:
        return failed[unknown[1].lower()]
    named = re.sub(rf"{PROTOCOL}://(\w+/\d+)", lambda found: str(files.places.get(found[1], found[0])), message)
    return ResultsError(f"the question cannot be answered: {_sentence(named)}")


def _sentence(message: str) -> str:
    """Return what DuckDB says on one line, without the kind of error and the piece of SQL it shows."""
    told = re.split(r"\n+LINE \d+:|\n\nSee also", message)[0]
    line = " ".join(re.sub(r"^[\w ]* Error: ", "", told).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
