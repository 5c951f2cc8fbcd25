"""Speaks: everything that faces people or Claude lives here and may import `ingest`, never the reverse."""
