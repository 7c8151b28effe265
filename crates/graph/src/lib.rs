//! The graph of steps: expansion, wiring and type checks, cycles, critical path.
