//! What the AWS plugins share: clients, retry classes and ownership tags.
