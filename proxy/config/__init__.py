"""Settings (plain dataclasses), their loader, and policy files."""
