//! The contract between Longshore and its plugins.
