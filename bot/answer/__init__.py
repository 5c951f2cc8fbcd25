"""From a question to an answer that can be checked: recall, verdict, prompt, writing, citation check."""
