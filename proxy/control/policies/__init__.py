"""The policies of the routes: in force, beside it as shadows, promoted, shown."""
