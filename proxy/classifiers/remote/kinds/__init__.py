"""The requests and answers of each provider, and what its categories mean here. Pure: one file a provider.

provider             what every one of them is, and readers of JSON that take nothing for granted.
openai_moderation, perspective         services of others.
chat                 chat completions, which all guard models speak; verdicts and their probabilities.
llama_guard, wildguard, granite_guardian   guard models.
registry             by the name in the settings.
"""
