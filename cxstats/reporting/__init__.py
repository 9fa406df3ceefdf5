"""Rendering: notebooks in, published pages out. It runs notebooks and knows no statistics.

A run is a transaction (:mod:`.run`): parameters checked, one run of a report at a time, a private
staging folder, a sentinel that only a complete run writes, conversion, a last scan, publication by
rename, and a record that tells the truth about it.
"""
