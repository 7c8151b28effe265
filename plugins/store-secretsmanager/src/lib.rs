//! Secret store on AWS Secrets Manager.
