"""Results as text: one formatter per file, each from values to a string."""
