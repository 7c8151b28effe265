//! Plans and runs a graph of steps: scheduling, cancellation, events.
