//! Images: the bytes of layer, configuration, manifest and index.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Repository, blob::Blob, digest::sha256, manifest::Manifest};

pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

const LABEL_ALARMS: &str = "longshore.simulation.alarms";
const LABEL_EXITS: &str = "longshore.simulation.exits";
const LABEL_EXITS_AFTER: &str = "longshore.simulation.exits-after-seconds";
const LABEL_HEALTH_STATUS: &str = "longshore.simulation.health-status";
const LABEL_NEEDS_MEMORY: &str = "longshore.simulation.needs-memory-mib";

/// The behaviour of an image's container in the simulation. It travels in the labels of the image's
/// configuration, so that it also works for an image in a real registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// The exit code, where the container doesn't run on.
    pub exits: Option<i32>,
    /// The time for which the container runs before it exits, in seconds.
    pub exits_after_seconds: Option<u64>,
    /// The memory that the container takes, in MiB.
    pub needs_memory_mib: Option<u64>,
    /// The HTTP status with which the container answers the health checks of a load balancer.
    pub health_status: Option<u16>,
    /// The CloudWatch alarms that go into the ALARM state a minute after the container has begun to take traffic.
    #[serde(default)]
    pub alarms: Vec<String>,
}

impl Behaviour {
    /// Reads the behaviour from the labels of an image's configuration; a label that cannot be read is
    /// one that isn't there.
    #[must_use]
    pub fn from_labels(labels: &BTreeMap<String, String>) -> Self {
        let number = |label: &str| labels.get(label).and_then(|value| value.parse().ok());
        Self {
            exits: labels.get(LABEL_EXITS).and_then(|value| value.parse().ok()),
            exits_after_seconds: number(LABEL_EXITS_AFTER),
            needs_memory_mib: number(LABEL_NEEDS_MEMORY),
            health_status: labels.get(LABEL_HEALTH_STATUS).and_then(|value| value.parse().ok()),
            alarms: labels
                .get(LABEL_ALARMS)
                .map(|names| names.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }

    fn labels(&self) -> BTreeMap<&'static str, String> {
        [
            (LABEL_ALARMS, (!self.alarms.is_empty()).then(|| self.alarms.join(","))),
            (LABEL_EXITS, self.exits.map(|code| code.to_string())),
            (LABEL_EXITS_AFTER, self.exits_after_seconds.map(|seconds| seconds.to_string())),
            (LABEL_NEEDS_MEMORY, self.needs_memory_mib.map(|mebibytes| mebibytes.to_string())),
            (LABEL_HEALTH_STATUS, self.health_status.map(|status| status.to_string())),
        ]
        .into_iter()
        .filter_map(|(label, value)| Some((label, value?)))
        .collect()
    }
}

/// The name of a platform: `os/architecture` or `os/architecture/variant`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlatformName {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl PlatformName {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        match parts[..] {
            [os, architecture] => Some((os, architecture, None)),
            [os, architecture, variant] => Some((os, architecture, Some(variant.to_owned()))),
            _ => None,
        }
        .map(|(os, architecture, variant)| Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant,
        })
    }

    fn json(&self) -> Value {
        let mut platform = json!({ "architecture": self.architecture, "os": self.os });
        if let Some(variant) = &self.variant {
            platform["variant"] = json!(variant);
        }
        platform
    }
}

/// Puts the image called `name` into a repository and answers the digest that a tag points to.
pub(super) fn store(
    repository: &mut Repository,
    name: &str,
    platforms: &[PlatformName],
    index: bool,
    behaviour: &Behaviour,
) -> String {
    let mut descriptors = Vec::new();
    let mut last = String::new();
    for platform in platforms {
        let layer =
            tar("etc/image", format!("{name} {}/{}\n", platform.os, platform.architecture).as_bytes());
        let mut config = platform.json();
        config["config"] = json!({ "Cmd": ["/app"], "Labels": behaviour.labels() });
        config["rootfs"] = json!({ "type": "layers", "diff_ids": [sha256(&layer)] });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(OCI_CONFIG, &config),
            "layers": [descriptor(OCI_LAYER, &layer)],
        })
        .to_string()
        .into_bytes();
        let mut entry = descriptor(OCI_MANIFEST, &manifest);
        entry["platform"] = platform.json();
        descriptors.push(entry);
        for content in [layer, config] {
            repository.blobs.insert(sha256(&content), Blob(content));
        }
        last = sha256(&manifest);
        repository
            .manifests
            .insert(last.clone(), Manifest { media_type: OCI_MANIFEST.to_owned(), content: Blob(manifest) });
    }
    if !index {
        return last;
    }
    let content = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors })
        .to_string()
        .into_bytes();
    let digest = sha256(&content);
    repository
        .manifests
        .insert(digest.clone(), Manifest { media_type: OCI_INDEX.to_owned(), content: Blob(content) });
    digest
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": sha256(content), "size": content.len() })
}

/// A tar archive (POSIX ustar) with one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, field: &[u8]| header[at..at + field.len()].copy_from_slice(field);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    // The checksum is taken with its own field as spaces.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let checksum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{checksum:06o}\0 ").as_bytes());

    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
