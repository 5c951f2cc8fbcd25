"""Documents: from files to redacted documents and chunks, and their home in the database."""
