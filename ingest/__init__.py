"""Reads: documents and logs come in here, passages and anomalies come out. Knows no bot, no Slack, no Claude."""
