"""What was asked, answered, felt, taken in and still to be posted. Knows no Slack, only the database."""
