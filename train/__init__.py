"""The trainer: HAM10000 in, a weights folder out, and how far its answers can be trusted.

Begin at `options.py` and `verbs.py`: what `python -m train` can be asked for, and what it then does.
Imports run downward: data < recipes < engine < scores < explain < audit < documents < release < verbs;
all may import `skin_app`.
"""
