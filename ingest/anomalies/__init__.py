"""From counted log lines to stories: what is usual, what is not, what belongs together. Knows no bot and no clock."""
