"""Alembic's entry: runs the history on the connection that `bot.migrations` hands over."""

from alembic import context

from ingest.database import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
