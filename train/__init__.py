"""The trainer: HAM10000 in, a weights folder out, and how far its answers can be trusted.

Begin at `__main__.py`, the verbs of `python -m train`. Imports run downward: data < recipes < engine <
scores < explain < audit < documents < release < verbs; all may import `skin_app`.
"""
