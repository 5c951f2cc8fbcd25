"""Redaction: text in, text without secrets out. Pure: no I/O, no clock, no settings."""

from ingest.redact.redactor import PURE_KEY, Redactor, redact, redacted

__all__ = ["PURE_KEY", "REDACTION_VERSION", "Redactor", "redact", "redacted"]

REDACTION_VERSION = 2
"""Part of every document's fingerprint: raise it when a rule changes, and everything is redacted again."""
