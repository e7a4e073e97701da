"""How much of AWS a number of channels needs, what bends first, and what it costs by list price.

    traffic ─► load ─┬─► plan ─► limits, cost
    figures ─────────┘

Pure arithmetic: what is measured comes from ``make bench``, what is guessed is an argument with a
default, and each default says where it is from.
"""
