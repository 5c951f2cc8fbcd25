"""The writers of answers: Claude by its API, and the twin that quotes. Knows neither search nor Slack."""
