"""Rules held against a night's rows: Great Expectations decides, DuckDB extracts, counts must agree."""
