"""Runs a dbt project by dbt and, brought in with `elt import`, by elt, in one PostgreSQL database, and compares every
relation that both made: columns, types and rows (EXCEPT ALL both ways, and their numbers).

Usage: beside_dbt.py DBT_PROJECT [DBT] [--elt ELT] [--vars VARS] [--package FOLDER]… [--accept NAME]…

DBT_PROJECT is a checked-out dbt project, such as https://github.com/dbt-labs/jaffle-shop; it is copied, nothing in it
changes. DBT is dbt's program (`dbt`), ELT elt's (the newest in target/). Each --package is a package's folder that
takes the place of packages.yml, where dbt's hub cannot be reached. With --accept a relation may differ or lack.
Without DATABASE_URL elt's own private PostgreSQL serves both; with it, name a database that is there for this alone.

Ends with 0 where all is the same, with 1 where something differs, with 2 where a program fails. What is missing is
said aloud, and then nothing is compared: 0, or 1 where CI is set.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).resolve().parents[2]
DBT_SCHEMA = "dbt_side"
SCHEMAS = {"raw": "elt_raw", "stage": "elt_stage", "prod": "elt_prod"}


def skipped(why):
    print(f"!!! NOTHING WAS COMPARED WITH DBT: {why}")
    sys.exit(1 if os.environ.get("CI") else 0)


def program(name):
    found = shutil.which(name)
    return str(Path(found).absolute()) if found else None


def newest_elt():
    built = [HERE / "target" / profile / "elt" for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    return str(max(built, key=lambda path: path.stat().st_mtime)) if built else None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", nargs="?")
    parser.add_argument("dbt", nargs="?", default="dbt")
    parser.add_argument("--elt")
    parser.add_argument("--vars", default="{}")
    parser.add_argument("--package", action="append", default=[])
    parser.add_argument("--accept", action="append", default=[])
    given = parser.parse_args()
    if not given.project or not (Path(given.project) / "dbt_project.yml").exists():
        skipped(f"{given.project or 'no folder'} is no dbt project")
    given.dbt, given.elt, given.psql = program(given.dbt), given.elt or newest_elt(), program("psql")
    for name, why in [("dbt", "there is no dbt"), ("elt", "elt is not built"), ("psql", "there is no psql")]:
        if not getattr(given, name):
            skipped(why)
    return given


def run(what, command, folder, **environment):
    """Runs to a good end and tells how long it took; what it printed."""
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        print(done.stdout)
        print(f"{what} failed")
        sys.exit(2)
    print(f"{what:<12} {time.monotonic() - begun:6.1f} s", flush=True)
    return done.stdout


class Database:
    """Where both sides write: the parts of a connection."""

    def __init__(self, psql, host, port, user, name, password=""):
        self.psql, self.host, self.port, self.user, self.name, self.password = psql, host, port, user, name, password

    def ask(self, sql):
        """The rows of a query, as lists of texts."""
        words = ["-XAtq", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-p", self.port, "-U", self.user]
        environment = os.environ | {"PGPASSWORD": self.password}
        done = subprocess.run(
            [self.psql, *words, "-d", self.name, "-c", sql], env=environment, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{sql}\n{done.stderr}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def columns(self, schema, table):
        return self.ask(
            f"""select attname, format_type(atttypid, atttypmod) from pg_attribute
                where attrelid = format('%I.%I', '{schema}', '{table}')::regclass and attnum > 0 and not attisdropped
                order by attnum"""
        )

    def made_by_elt(self):
        return self.ask("select schema_name, name from elt.relations where node <> 'elt' order by 1, 2")

    def made_by_others(self):
        """Every table and view that elt did not make, outside of PostgreSQL's own schemas."""
        return self.ask(
            """select table_schema, table_name from information_schema.tables as t
               where table_schema not in ('elt', 'pg_catalog', 'information_schema') and not exists
                   (select from elt.relations as r where (r.schema_name, r.name) = (t.table_schema, t.table_name))"""
        )

    def difference(self, ours, theirs):
        """How many rows only the one or only the other has; a row that is there twice counts twice."""
        [counts] = self.ask(
            f"""select (select count(*) from {ours}), (select count(*) from {theirs}),
                       (select count(*) from (select * from {ours} except all select * from {theirs}) as a),
                       (select count(*) from (select * from {theirs} except all select * from {ours}) as b)"""
        )
        return [int(count) for count in counts]


def private_database(given, folder):
    """elt's own cluster. It stands while an elt runs, so one serves as long as this lasts."""
    serving = subprocess.Popen(
        [given.elt, "serve", "--port", "0"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    told = run("cluster", [given.elt, "debug"], folder)
    host, port, user, name = re.search(r"psql -h (\S+) -p (\d+) -U (\S+) (\S+)", told).groups()
    return serving, Database(given.psql, host, port, user, name)


def given_database(given, url):
    parts = urlsplit(url)
    user, password = unquote(parts.username or "postgres"), unquote(parts.password or "")
    host = unquote(parts.hostname or "localhost")
    return Database(given.psql, host, str(parts.port or 5432), user, parts.path.strip("/") or user, password)


def run_dbt(given, work, database):
    project = work / "dbt"
    shutil.copytree(given.project, project, ignore=shutil.ignore_patterns(".git", "target", "dbt_packages"))
    if given.package:
        packages = [{"local": str(Path(folder).resolve())} for folder in given.package]
        for name in ("dependencies.yml", "package-lock.yml"):
            (project / name).unlink(missing_ok=True)
        (project / "packages.yml").write_text(json.dumps({"packages": packages}))
    named = re.search(r"^profile: *[\"']?([^\"' #\n]*)", (project / "dbt_project.yml").read_text(), re.M)
    output = {
        "type": "postgres", "host": database.host, "port": int(database.port), "user": database.user,
        "password": database.password or "none", "dbname": database.name, "schema": DBT_SCHEMA, "threads": 4,
    }
    profile = {named.group(1) if named else "default": {"target": "dev", "outputs": {"dev": output}}}
    (work / "profiles").mkdir()
    (work / "profiles" / "profiles.yml").write_text(json.dumps(profile))
    quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": str(work / "profiles")}
    if (project / "packages.yml").exists() or (project / "dependencies.yml").exists():
        run("dbt deps", [given.dbt, "deps"], project, **quiet)
    for word in ("seed", "snapshot", "run", "test"):
        run(f"dbt {word}", [given.dbt, word, "--vars", given.vars], project, **quiet)


def beside(schema):
    """What a schema has behind the one of its layer, or of dbt's target: `_marketing` of `elt_prod_marketing`."""
    bases = [base for base in [DBT_SCHEMA, *SCHEMAS.values()] if schema.startswith(base)]
    return schema.removeprefix(bases[0]) if bases else schema


def compare(given, database):
    theirs = {(beside(schema), name): schema for schema, name in database.made_by_others()}
    same, differing = 0, []
    print(f"\n{'relation':<36} {'of dbt':<32} {'rows':>8}  verdict")
    for own, name in database.made_by_elt():
        schema, rows = theirs.pop((beside(own), name), None), ""
        if schema is None:
            verdict = "dbt made none"
        elif (mine := database.columns(own, name)) != (its := database.columns(schema, name)):
            verdict = f"columns differ: {mine} | {its}"
        else:
            rows, _, only_ours, only_theirs = database.difference(f'"{own}"."{name}"', f'"{schema}"."{name}"')
            verdict = "same" if not only_ours + only_theirs else f"only elt's: {only_ours}, only dbt's: {only_theirs}"
        print(f"{own + '.' + name:<36} {(schema or '-') + '.' + name:<32} {rows:>8}  {verdict}")
        if verdict == "same":
            same += 1
        elif name not in given.accept:
            differing.append(name)
    for (_, name), schema in theirs.items():
        print(f"{'-':<36} {schema + '.' + name:<32} {'':>8}  elt made none")
        if name not in given.accept:
            differing.append(name)
    print(f"\n{same} relations are the same, {len(differing)} differ")
    return same > 0 and not differing


def main():
    given = arguments()
    url = os.environ.get("DATABASE_URL")
    with tempfile.TemporaryDirectory(prefix="elt-dbt-") as folder:
        work = Path(folder)
        imported, serving = work / "elt", None
        print(run("elt import", [given.elt, "import", str(Path(given.project).resolve()), "--out", str(imported)], work))
        profile = (imported / "profiles.yml").read_text()
        variables = re.search(r"^(name|vars):.*\Z", profile, re.M | re.S)
        targets = {"compare": {"schemas": SCHEMAS}}
        (imported / "profiles.yml").write_text(
            f"target: compare\ntargets: {json.dumps(targets)}\n{variables.group(0) if variables else ''}"
        )
        if given.package:
            (imported / "packages.yml").unlink(missing_ok=True)
            (imported / "package-lock.yml").unlink(missing_ok=True)
        elif (imported / "packages.yml").exists():
            run("elt deps", [given.elt, "deps"], imported)
        try:
            run("elt run", [given.elt, "run"], imported)
            if url:
                database = given_database(given, url)
            else:
                serving, database = private_database(given, imported)
            run("elt test", [given.elt, "test"], imported)
            run_dbt(given, work, database)
            good = compare(given, database)
        finally:
            if serving:
                serving.terminate()
                serving.wait()
    sys.exit(0 if good else 1)


main()
