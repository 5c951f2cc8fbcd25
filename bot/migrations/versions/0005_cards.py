"""Cards and what people did with them, rejections, detectors, deployments, settings of channels, digests."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "cards",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=True),
        sa.Column("place", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("held_until", sa.Float(), nullable=True),
        sa.Column("inside", sa.String(length=255), nullable=True),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("detector", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("opened", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=True),
        sa.Column("acknowledged_at", sa.Float(), nullable=True),
        sa.Column("snoozed_by", sa.String(length=64), nullable=True),
        sa.Column("snoozed_until", sa.Float(), nullable=True),
        sa.Column("rejected", sa.String(length=64), nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_cards")),
    )
    op.create_index("ix_cards_channel_place_opened", "cards", ["channel", "place", "opened"])
    op.create_index("ix_cards_ended", "cards", ["ended"])
    op.create_index("ix_cards_fingerprint", "cards", ["fingerprint"])
    op.create_index("ix_cards_inside", "cards", ["inside"])
    op.create_index("ix_cards_opened", "cards", ["opened"])
    unshown = sa.text("shown < wanted")
    op.create_index("ix_cards_unshown", "cards", ["place"], sqlite_where=unshown, postgresql_where=unshown)
    op.create_table(
        "card_stories",
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("card", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("stream", "id", name=op.f("pk_card_stories")),
    )
    op.create_index("ix_card_stories_card", "card_stories", ["card"])
    op.create_table(
        "card_acts",
        sa.Column("card", sa.String(length=255), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("detector", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("card", "act", "person", "at", name=op.f("pk_card_acts")),
    )
    op.create_table(
        "rejections",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("card", sa.String(length=255), nullable=False),
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("undone_at", sa.Float(), nullable=True),
        sa.Column("undone_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejections")),
    )
    op.create_index("ix_rejections_expires_at", "rejections", ["expires_at"])
    op.create_table(
        "detectors",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=True),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("kind", "service", name=op.f("pk_detectors")),
    )
    op.create_table(
        "deploys",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=200), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deploys")),
    )
    op.create_index("ix_deploys_at", "deploys", ["at"])
    op.create_table(
        "channel_settings",
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=8), nullable=True),
        sa.Column("quiet", sa.String(length=16), nullable=True),
        sa.Column("least", sa.String(length=8), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_settings")),
    )
    op.create_table(
        "digests",
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("date", sa.String(length=10), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("channel", "date", name=op.f("pk_digests")),
    )
    op.create_table(
        "line_counts",
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "slot", name=op.f("pk_line_counts")),
    )
