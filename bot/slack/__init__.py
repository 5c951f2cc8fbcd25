"""Slack: takes in what people ask there, shows answers and cards, hears thumbs. The only room that knows slack_bolt."""
