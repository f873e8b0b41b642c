"""The same keys in DuckDB: `in_duckdb.py N DIR` prints one line of figures, as `peers` does."""

import os
import resource
import sys
import time

import duckdb

n, folder = int(sys.argv[1]), sys.argv[2]
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, "keys.duckdb")
db = duckdb.connect(path)
# The keys in memory, unsorted, as every engine gets them: not timed.
db.execute(f"CREATE TEMP TABLE given AS SELECT unhex(sha256(i::VARCHAR)) AS key FROM range({n}) AS r(i)")
start = time.perf_counter()
db.execute("CREATE TABLE keys AS SELECT key FROM given ORDER BY key")
db.execute("CREATE UNIQUE INDEX keys_key ON keys (key)")
db.execute("CHECKPOINT")
build = time.perf_counter() - start
size = os.path.getsize(path)

import hashlib

QUESTIONS = 5_000  # a twentieth of what the others answer: it is slow at single rows


def key(i):
    return hashlib.sha256(str(i).encode()).digest()


asked = [(key(i * 7919 % n), True) if i % 2 == 0 else (key(n + i), False) for i in range(QUESTIONS)]
start = time.perf_counter()
right = sum((db.execute("SELECT 1 FROM keys WHERE key = ?", [k]).fetchone() is not None) == there for k, there in asked)
took = time.perf_counter() - start
assert right == len(asked)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
note = "sorted table with an ART index; from Python"
print(f"duckdb\t{n}\t{n / build:.0f}\t{len(asked) / took:.0f}\t–\t–\t{size / n:.1f}\t{memory}\t{note}")
