"""Writes the Parquet files of the reader's tests, with a writer that is not ours (pyarrow)."""
import sys
import pyarrow as pa
import pyarrow.parquet as pq

out = sys.argv[1]
LONG = "A paragraph about tea that is certainly longer than fifty characters of text."
rows = [
    {"id": 12, "url": "https://en.wikipedia.org/wiki/Tea", "title": "Tea", "text": LONG,
     "metadata": {"license": "CC0-1.0"}, "detected_licenses": ["MIT", "Apache-2.0"],
     "blob_id": "8ab686eafeb1f44702738c8b0f24f2567c36da6d"},
    {"id": 13, "url": None, "title": "User:Secret", "text": "never read", "metadata": None,
     "detected_licenses": [], "blob_id": "8ab686eafeb1f44702738c8b0f24f2567c36da6d"},
    {"id": 14, "url": "nonsense", "title": "Cup", "text": None, "metadata": {"license": None},
     "detected_licenses": None, "blob_id": None},
] + [{"id": 100 + i, "url": f"https://example.org/{i}", "title": f"Page {i}", "text": f"text {i % 7}",
      "metadata": {"license": "MIT"}, "detected_licenses": ["MIT"], "blob_id": f"{i:040x}"} for i in range(300)]
schema = pa.schema([
    ("id", pa.int64()), ("url", pa.string()), ("title", pa.string()), ("text", pa.string()),
    ("metadata", pa.struct([("license", pa.string())])), ("detected_licenses", pa.list_(pa.string())),
    ("blob_id", pa.string())])
table = pa.Table.from_pylist(rows, schema=schema)
for codec in ["none", "snappy", "gzip", "zstd"]:
    for version in ["1.0", "2.0"]:
        pq.write_table(table, f"{out}/rows-{codec}-v{version[0]}.parquet", compression=codec,
                       data_page_version=version, row_group_size=150, data_page_size=1024,
                       write_page_checksum=codec == "zstd", use_dictionary=codec != "gzip")
pq.write_table(table.drop(["text"]), f"{out}/no-text.parquet")
pq.write_table(table, f"{out}/brotli.parquet", compression="brotli")
