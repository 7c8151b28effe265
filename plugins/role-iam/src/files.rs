//! Objects in Amazon S3 that the ECS agent reads on behalf of a role: files with environment variables (ECS developer guide,
//! "Use an environment file").

use std::collections::BTreeSet;

use longshore_model::{Arn, Failure, FailureKind};
use longshore_plugin::Result;

use crate::needs::Need;

/// Reads an object.
pub(crate) const GET_OBJECT: &str = "s3:GetObject";
/// Reads the region of a bucket.
pub(crate) const LOCATE_BUCKET: &str = "s3:GetBucketLocation";

/// The ARNs of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files(BTreeSet<String>);

impl Files {
    /// Reads the ARNs of objects.
    ///
    /// # Errors
    /// An ARN of something else, and one that a policy would take for a pattern.
    pub(crate) fn of(arns: &[String]) -> Result<Self> {
        for arn in arns {
            let is_object = arn.parse::<Arn>().is_ok_and(|parsed| {
                let is_global = parsed.region().is_empty() && parsed.account().is_empty();
                parsed.service() == "s3" && is_global && parsed.resource().contains('/')
            });
            if !is_object || arn.contains(['*', '?', '$']) {
                let message = format!("an execution role cannot read the environment file `{arn}`");
                return Err(Failure::new(FailureKind::Invalid, message)
                    .help("name one object in Amazon S3: arn:aws:s3:::BUCKET/KEY"));
            }
        }
        Ok(Self(arns.iter().cloned().collect()))
    }

    /// The ARNs of the objects.
    pub(crate) fn objects(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    /// The ARNs of their buckets.
    pub(crate) fn buckets(&self) -> Vec<String> {
        let buckets: BTreeSet<&str> = self.0.iter().filter_map(|arn| Some(arn.split_once('/')?.0)).collect();
        buckets.into_iter().map(str::to_owned).collect()
    }

    /// Returns the requests that have to be allowed.
    pub(crate) fn needs(&self) -> Vec<Need> {
        let of =
            |action: &'static str| move |resource: String| Need { action, resource, context: Vec::new() };
        let objects = self.objects().into_iter().map(of(GET_OBJECT));
        objects.chain(self.buckets().into_iter().map(of(LOCATE_BUCKET))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::Document, proof::prove_files};

    fn files(arns: &[&str]) -> Result<Files> {
        Files::of(&arns.iter().map(|arn| (*arn).to_owned()).collect::<Vec<_>>())
    }

    const FILES: [&str; 3] =
        ["arn:aws:s3:::acme/api.env", "arn:aws:s3:::acme/shared/common.env", "arn:aws:s3:::other/a.env"];

    #[test]
    fn policy_names_exactly_the_objects() {
        let files = files(&FILES).unwrap();
        let document = Document::files(&files).unwrap();
        insta::assert_json_snapshot!("files", document);
        let good = document.to_json().unwrap();
        assert_eq!(prove_files(&good, &files), Ok(()));
        for (from, to) in [
            ("acme/api.env", "acme/*"),
            ("acme/api.env", "acme/api.en"),
            ("s3:GetObject", "s3:GetObject*"),
            ("s3:GetBucketLocation", "s3:*"),
            (":::other\"", ":::*\""),
        ] {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good, "{from}");
            assert!(prove_files(&changed, &files).is_err(), "{from} => {to}");
        }
        assert_eq!(Document::files(&Files::default()), None);
    }

    #[test]
    fn other_arns_are_refused() {
        let said = ["arn:aws:s3:::acme", "arn:aws:s3:::acme/*.env", "arn:aws:ssm:eu-west-1:1:parameter/a"]
            .map(|arn| files(&[arn]).unwrap_err().to_string());
        insta::assert_snapshot!(said.join("\n"));
    }
}
