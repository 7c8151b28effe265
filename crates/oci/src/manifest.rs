//! Manifests, indexes and configurations, as containerd reads them (`core/images`).

use http::{HeaderMap, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{header_text::text, json::or_default, platform::ImagePlatform};

/// The media types of manifests and indexes: those of OCI and those of Docker. Like containerd, this takes every other
/// one too, to say what is there instead.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, */*";

/// The media type of configurations that early registries gave them. Runtimes convert a single image that has it.
pub(crate) const LEGACY_CONFIG: &str = "application/octet-stream";

/// The kind of content that a media type promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Index,
    Image,
}

impl Kind {
    /// The kind of a media type. `None` for all that a container runtime refuses.
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Some(Self::Index),
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Some(Self::Image),
            _ => None,
        }
    }
}

/// The media type of an answer: its first `Content-Type`, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(text).unwrap_or_default();
    value.split(';').next().unwrap_or_default().to_owned()
}

pub(crate) fn is_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

fn is_layer(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.")
}

/// The content of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manifest {
    /// Images for several platforms.
    Index(Vec<Descriptor>),
    Image(Image),
}

/// The parts of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Image {
    #[serde(deserialize_with = "or_default")]
    pub(crate) config: Descriptor,
    #[serde(deserialize_with = "or_default")]
    pub(crate) layers: Vec<Descriptor>,
}

impl Image {
    /// Returns `true` if a runtime can unpack the layers with a configuration that names `diff_ids` of them.
    pub(crate) fn fits(&self, diff_ids: usize) -> bool {
        let known = self.layers.iter().filter(|layer| is_layer(&layer.media_type)).count();
        diff_ids == known || diff_ids == self.layers.len()
    }
}

/// An index's entry for an image, or an image's entry for its part (OCI image specification, "Content Descriptors").
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(deserialize_with = "or_default")]
    pub(crate) media_type: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) digest: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) size: i64,
    /// `None` where the index does not tell, and only the image's own configuration does.
    pub(crate) platform: Option<ImagePlatform>,
}

impl Descriptor {
    /// Attestations are listed in indexes as if they were images, for no platform.
    pub(crate) fn is_attestation(&self) -> bool {
        self.platform.as_ref().is_some_and(ImagePlatform::is_unknown)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Index {
    #[serde(deserialize_with = "or_default")]
    manifests: Vec<Descriptor>,
}

/// Reads a manifest that is served as `kind`, which it must not contradict.
///
/// # Errors
/// If the content is something else: the error is a short description of the actual content.
pub(crate) fn read(kind: Kind, body: &[u8]) -> Result<Manifest, &'static str> {
    const NONE: &str = "no manifest at all";
    let document: Value = parse(body).ok_or(NONE)?;
    let fields = document.as_object().ok_or(NONE)?;
    let has = |field: &str| fields.contains_key(field);
    let says = fields.get("mediaType").and_then(Value::as_str).and_then(Kind::of);
    if has("fsLayers") {
        return Err("a manifest of Docker's schema 1, which container runtimes no longer read");
    }
    match kind {
        Kind::Index if has("config") || has("layers") || says == Some(Kind::Image) => {
            Err("the manifest of one image, but served as an index")
        }
        Kind::Image if has("manifests") || says == Some(Kind::Index) => {
            Err("an index, but served as the manifest of one image")
        }
        Kind::Index => {
            let index = Index::deserialize(document).map_err(|_| "an index that is malformed")?;
            Ok(Manifest::Index(index.manifests))
        }
        Kind::Image if !has("config") => Err(NONE),
        Kind::Image => {
            let image = Image::deserialize(document).map_err(|_| "a manifest that is malformed")?;
            Ok(Manifest::Image(image))
        }
    }
}

/// The configuration of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Config {
    #[serde(flatten)]
    pub(crate) platform: ImagePlatform,
    /// The image's root file system; artifacts have none.
    pub(crate) rootfs: Option<RootFs>,
}

/// The root file system of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct RootFs {
    #[serde(deserialize_with = "or_default")]
    diff_ids: Vec<String>,
}

impl Config {
    /// The number of layers that are named.
    pub(crate) fn diff_ids(&self) -> usize {
        self.rootfs.as_ref().map_or(0, |rootfs| rootfs.diff_ids.len())
    }
}

/// Reads the configuration of an image; `None` if no runtime could.
pub(crate) fn read_config(body: &[u8]) -> Option<Config> {
    // By way of a document, in which the last of two equal keys counts.
    serde_json::from_value(parse(body)?).ok()
}

/// Like Go, this takes bytes that are no UTF-8 in texts.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_str(&String::from_utf8_lossy(body)).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

    #[test]
    fn media_types_are_read_as_containerd_reads_them() {
        for (given, kind) in [
            (OCI_INDEX.to_owned(), Some(Kind::Index)),
            ("application/vnd.docker.distribution.manifest.list.v2+json".to_owned(), Some(Kind::Index)),
            (format!("{OCI_IMAGE}; charset=utf-8"), Some(Kind::Image)),
            ("application/vnd.docker.distribution.manifest.v2+json".to_owned(), Some(Kind::Image)),
            (format!("{OCI_IMAGE} ;charset=utf-8"), None),
            (OCI_IMAGE.to_uppercase(), None),
            (format!("{OCI_IMAGE}, {OCI_IMAGE}"), None),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws".to_owned(), None),
            ("application/json".to_owned(), None),
            ("text/plain; charset=utf-8".to_owned(), None),
        ] {
            let value = HeaderValue::from_str(&given).unwrap();
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value)]);
            assert_eq!(Kind::of(&media_type(&headers)), kind, "{given}");
        }
        assert_eq!(media_type(&HeaderMap::new()), "");
    }

    #[test]
    fn odd_entries_do_not_spoil_an_index() {
        let index = r#"{"schemaVersion":2,"mediaType":null,"manifests":[
            {"digest":"sha256:x","size":7,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
            {"mediaType":"x/y","digest":null,"platform":{"architecture":"amd64"}},
            {"platform":{"os":"unknown","architecture":"unknown"}},
            {}]}"#;
        let Ok(Manifest::Index(entries)) = read(Kind::Index, index.as_bytes()) else { panic!("no index") };
        assert_eq!(entries.len(), 4);
        assert_eq!((entries[0].digest.as_str(), entries[0].size), ("sha256:x", 7));
        assert_eq!((entries[1].media_type.as_str(), entries[1].digest.as_str()), ("x/y", ""));
        assert!(entries[2].platform.as_ref().unwrap().is_unknown());
        assert_eq!(entries[3], Descriptor::default());
        assert_eq!(read(Kind::Index, br#"{"manifests":null}"#), Ok(Manifest::Index(Vec::new())));
    }

    #[test]
    fn contents_that_contradict_their_type_are_refused() {
        let index_as_image = "an index, but served as the manifest of one image";
        let image_as_index = "the manifest of one image, but served as an index";
        let schema_1 = "a manifest of Docker's schema 1, which container runtimes no longer read";
        for (kind, content, reason) in [
            (Kind::Image, r#"{"manifests":[]}"#, index_as_image),
            (Kind::Image, r#"{"config":{},"manifests":null}"#, index_as_image),
            (Kind::Index, r#"{"config":{},"manifests":[]}"#, image_as_index),
            (Kind::Index, r#"{"layers":null,"manifests":[]}"#, image_as_index),
            (Kind::Image, r#"{"schemaVersion":1,"fsLayers":[]}"#, schema_1),
            (Kind::Image, r#"{"errors":[{"code":"DENIED"}]}"#, "no manifest at all"),
            (Kind::Image, r#"{"config":{"digest":7}}"#, "a manifest that is malformed"),
            (Kind::Index, r#"{"manifests":[{"size":"7"}]}"#, "an index that is malformed"),
            (Kind::Index, "[]", "no manifest at all"),
            (Kind::Index, "<html>", "no manifest at all"),
            (Kind::Index, "", "no manifest at all"),
        ] {
            assert_eq!(read(kind, content.as_bytes()), Err(reason), "{content}");
        }
        let field = |value: &str, rest: &str| format!(r#"{{"mediaType":"{value}",{rest}}}"#);
        let image = field(OCI_INDEX, r#""config":{}"#);
        assert_eq!(read(Kind::Image, image.as_bytes()), Err(index_as_image));
        let index = field(OCI_IMAGE, r#""manifests":[]"#);
        assert_eq!(read(Kind::Index, index.as_bytes()), Err(image_as_index));
    }

    #[test]
    fn configurations_may_leave_fields_out() {
        let config = |text: &[u8]| read_config(text).unwrap();
        assert_eq!(config(br#"{"rootfs":{"diff_ids":["a","b"]}}"#).diff_ids(), 2);
        assert!(!config(br#"{"os":"linux","architecture":null,"rootfs":{}}"#).platform.is_told());
        assert!(config(br#"{"os":"x","os":"linux","architecture":"amd64"}"#).platform.is_told());
        assert!(
            config(b"{\"os\":\"linux\",\"architecture\":\"amd64\",\"author\":\"J\xfcrgen\"}")
                .platform
                .is_told()
        );
        for unreadable in ["", "[]", r#"{"os":7}"#, r#"{"rootfs":{"diff_ids":7}}"#] {
            assert_eq!(read_config(unreadable.as_bytes()), None, "{unreadable}");
        }
    }
}
