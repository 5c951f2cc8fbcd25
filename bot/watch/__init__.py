"""What is said unasked: stories and alerts become messages, where they belong, once, and no more than people want."""
