//! Role builder on AWS IAM.
