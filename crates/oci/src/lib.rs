//! The proof that a credential can pull an image, by the OCI distribution protocol.
