//! Credential source for the GitHub container registry.
