//! The key that tokens are signed with.

use std::{
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

use super::TokenServer;

#[derive(Debug)]
pub(super) struct Signer {
    certificate: rcgen::Certificate,
    key: EcdsaKeyPair,
}

impl Signer {
    pub(super) fn new() -> io::Result<Self> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
        let certificate = CertificateParams::default().self_signed(&pair).map_err(io::Error::other)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der());
        let key = key.map_err(|rejected| io::Error::other(rejected.to_string()))?;
        Ok(Self { certificate, key })
    }

    pub(super) fn certificate(&self) -> String {
        self.certificate.pem()
    }

    /// Returns a token that allows its holder `actions` on `repository`.
    pub(super) fn token(&self, user: &str, repository: &str, actions: &[&str]) -> io::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
        let chain = [BASE64_STANDARD.encode(self.certificate.der())];
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": chain });
        let claims = json!({
            "iss": TokenServer::ISSUER,
            "sub": user,
            "aud": TokenServer::SERVICE,
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 300,
            "jti": format!("{user}-{repository}"),
            "access": [{ "type": "repository", "name": repository, "actions": actions }],
        });
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|_| io::Error::other("there is no randomness"))?;
        Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }
}
