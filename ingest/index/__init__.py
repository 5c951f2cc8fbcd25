"""The indexes: views of the documents in the database, made for finding passages and rebuilt at will."""
