//! The behaviour suites that every plugin passes.
