"""Redaction: text in, text without secrets out. Pure: no I/O, no clock, no settings."""

from ingest.redact.marks import unnumbered
from ingest.redact.redactor import PURE_KEY, Redact, Redactor, redact, redacted

__all__ = ["PURE_KEY", "REDACTION_VERSION", "Redact", "Redactor", "redact", "redacted", "unnumbered"]

REDACTION_VERSION = 2
"""Part of every document's fingerprint: raise it when a rule changes, and everything is redacted again."""
