"""A module for each format: what its header says (`opened`), how its pixels and profile are read."""
