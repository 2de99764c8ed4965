"""Policies in and out of each dialect: one module with a reader and a writer per dialect."""
