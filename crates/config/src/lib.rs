//! Layered configuration: from files, environment and flags to one checked stack.
