"""Loads a CSV into PostgreSQL by dlt, in the fastest way that it has: arrow tables in, CSV and COPY out.

Arguments: the file; the database as postgresql://user@host/name?host=…&port=…; a folder for dlt's own files.
"""

import sys

import dlt
import pyarrow
import pyarrow.csv

path, database, home = sys.argv[1:]


@dlt.resource(name="rows", write_disposition="replace")
def rows():
    with pyarrow.csv.open_csv(path) as reader:
        for batch in reader:
            yield pyarrow.Table.from_batches([batch])


destination = dlt.destinations.postgres(credentials=database)
pipeline = dlt.pipeline("bench", pipelines_dir=home, destination=destination, dataset_name="dlt_rows")
pipeline.run(rows(), loader_file_format="csv")
