//! An entry of `auths`.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use longshore_model::Secret;
use longshore_plugin::Credential;
use serde::de::{Deserializer, MapAccess};
use zeroize::Zeroizing;

use crate::go::{Decode, Struct, Value, decode_struct};

/// As lenient as Docker about the end, and as others about the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An entry of `auths` (docker/cli, `config/types.AuthConfig`). With a credential store Docker leaves it empty. A text
/// that is not there is empty.
#[derive(Debug)]
pub(crate) struct Entry {
    /// User name and password, with a colon between, in Base64.
    auth: Secret<String>,
    username: Secret<String>,
    password: Secret<String>,
    /// Stands for a sign-in, and yields short-lived tokens.
    identity_token: Secret<String>,
    /// Goes to the registry as it is.
    registry_token: Secret<String>,
}

impl Default for Entry {
    fn default() -> Self {
        let empty = || Secret::new(String::new());
        Self {
            auth: empty(),
            username: empty(),
            password: empty(),
            identity_token: empty(),
            registry_token: empty(),
        }
    }
}

impl Decode for Entry {
    fn decode<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        decode_struct(self, deserializer)
    }
}

impl Struct for Entry {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match name {
            "auth" => value.decode_into(&mut self.auth),
            "username" => value.decode_into(&mut self.username),
            "password" => value.decode_into(&mut self.password),
            "identitytoken" => value.decode_into(&mut self.identity_token),
            "registrytoken" => value.decode_into(&mut self.registry_token),
            _ => value.ignore(),
        }
    }
}

/// The reason for an entry's having no usable credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is a token without a user name.
    Token(&'static str),
    /// `auth` is not as Docker writes it.
    Malformed(&'static str),
}

impl Entry {
    /// The credential; none where the entry is empty.
    pub(crate) fn credential(&self) -> Result<Option<Credential>, Unusable> {
        if !self.identity_token.expose().is_empty() {
            return Err(Unusable::Token("an identity token"));
        }
        if !self.registry_token.expose().is_empty() {
            return Err(Unusable::Token("a registry token"));
        }
        if !self.auth.expose().is_empty() {
            return decode(self.auth.expose()).map(Some);
        }
        let (username, password) = (self.username.expose(), self.password.expose());
        if username.is_empty() || password.is_empty() {
            return Ok(None);
        }
        Ok(Some(Credential { username: username.to_owned(), password: Secret::new(password.to_owned()) }))
    }
}

fn decode(auth: &str) -> Result<Credential, Unusable> {
    // Go's decoder passes over line breaks, and no other white space.
    let auth = Zeroizing::new(auth.replace(['\r', '\n'], ""));
    let decoded = BASE64.decode(auth.as_bytes()).map(Zeroizing::new);
    let decoded = decoded.map_err(|_| Unusable::Malformed("is no Base64"))?;
    let text =
        std::str::from_utf8(&decoded).map_err(|_| Unusable::Malformed("is no UTF-8 text in Base64"))?;
    let (username, password) =
        text.split_once(':').ok_or(Unusable::Malformed("has no colon after the user name"))?;
    // As Docker does.
    let password = password.trim_matches('\0');
    if username.is_empty() || password.is_empty() {
        return Err(Unusable::Malformed("has no user name or no password"));
    }
    Ok(Credential { username: username.to_owned(), password: Secret::new(password.to_owned()) })
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(entry: serde_json::Value) -> Result<Option<(String, String)>, Unusable> {
        let entry: Entry = crate::go::read(entry.to_string().as_bytes()).unwrap().unwrap();
        let credential = entry.credential()?;
        Ok(credential.map(|credential| (credential.username, credential.password.expose().clone())))
    }

    #[test]
    fn entries_are_read_as_docker_reads_them() {
        let pair = |username: &str, password: &str| Ok(Some((username.to_owned(), password.to_owned())));
        let auth = |text: &str| BASE64_STANDARD.encode(text);
        assert_eq!(read(json!({})), Ok(None));
        assert_eq!(read(json!({ "auth": "", "email": "a@b", "username": "acme" })), Ok(None));
        assert_eq!(read(json!({ "auth": null, "username": "acme", "password": "x" })), pair("acme", "x"));
        assert_eq!(read(json!({ "auth": auth("acme:x:y"), "username": "other" })), pair("acme", "x:y"));
        assert_eq!(read(json!({ "auth": auth("acme:x\0\0") })), pair("acme", "x"));
        assert_eq!(read(json!({ "auth": format!("{}\r\n", auth("acme:x")) })), pair("acme", "x"));
        assert_eq!(
            read(json!({ "auth": auth("_json_key:{\n  \"a\": 1\n}\n") })),
            pair("_json_key", "{\n  \"a\": 1\n}\n")
        );
        let token = Err(Unusable::Token("an identity token"));
        assert_eq!(read(json!({ "auth": auth("00000000:"), "identitytoken": "ey" })), token);
        assert_eq!(read(json!({ "registrytoken": "ey" })), Err(Unusable::Token("a registry token")));
        for wrong in [
            auth("acme"),
            auth(":x"),
            auth("acme:"),
            auth("acme:\0"),
            "%".into(),
            "//79".into(),
            "YWNt ZTp4".into(),
        ] {
            assert!(matches!(read(json!({ "auth": wrong })), Err(Unusable::Malformed(_))), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_user_name_without_a_colon_makes_the_round_trip(
            username in "[^:\\x00]{1,30}",
            password in "[^\\x00]{1,60}",
        ) {
            let pair = format!("{username}:{password}");
            for auth in [BASE64_STANDARD.encode(&pair), BASE64_STANDARD_NO_PAD.encode(&pair)] {
                let found = read(json!({ "auth": auth }));
                prop_assert_eq!(found, Ok(Some((username.clone(), password.clone()))));
            }
        }
    }
}
