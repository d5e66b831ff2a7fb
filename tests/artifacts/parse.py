"""Parses the artifacts in a folder with dbt-artifacts-parser, and says how many entries each has."""

import json
import sys
from pathlib import Path

from dbt_artifacts_parser import parser

NEWEST = {
    "manifest": "ManifestV12",
    "run_results": "RunResultsV6",
    "catalog": "CatalogV1",
    "sources": "SourcesV3",
}

folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    document = json.loads((folder / f"{name}.json").read_text())
    parsed = getattr(parser, f"parse_{name}")(document)
    assert type(parsed).__name__ == NEWEST[name], f"{name} was parsed as {type(parsed).__name__}"
    entries = parsed.nodes if hasattr(parsed, "nodes") else parsed.results
    assert entries, f"{name} has no entries"
    print(name, len(entries))
