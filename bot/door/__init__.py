"""The one HTTP door: what machines ask us. Knows no Slack and no answers, only checks and counts that it is given."""
