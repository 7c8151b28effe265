//! The certificates that TLS connections trust.
//!
//! Docker and containerd are written in Go, so certificates are judged as Go's TLS judges them: a check here must neither
//! refuse a registry that they reach nor pass one that they refuse. webpki differs in three points. It refuses a server's
//! certificate that is itself trusted, unless an authority signed it; it ignores the dates of an authority's certificate;
//! and it takes any trusted certificate for that of an authority.

use std::sync::{Arc, LazyLock};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

/// Trusted certificates: those of authorities, and servers' own.
#[derive(Clone, Debug)]
pub struct Trust(Vec<CertificateDer<'static>>);

impl Trust {
    /// Returns the certificates that this machine trusts: those of the system, or those that `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name. They are read once.
    #[must_use]
    pub fn of_system() -> Self {
        static SYSTEM: LazyLock<Trust> =
            LazyLock::new(|| Trust(rustls_native_certs::load_native_certs().certs));
        SYSTEM.clone()
    }

    /// Returns the certificates in `pem`, or `None` if there are none. Skips everything else, as Go does: comments,
    /// private keys, damaged blocks.
    #[must_use]
    pub fn in_pem(pem: &[u8]) -> Option<Self> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .filter_map(Result::ok)
            .filter(|certificate| anchor_from_trusted_cert(certificate).is_ok())
            .collect();
        (!certificates.is_empty()).then_some(Self(certificates))
    }

    /// Adds the certificates of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns `true` if no certificate is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the TLS settings of a client that trusts these certificates.
    pub(crate) fn client_config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Verifier::new(&self.0, &provider));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Judges servers' certificates as Go does.
#[derive(Debug)]
struct Verifier {
    certificates: Vec<CertificateDer<'static>>,
    /// The keys and names of `certificates`, in the same order.
    anchors: Vec<TrustAnchor<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(certificates: &[CertificateDer<'static>], provider: &CryptoProvider) -> Self {
        let usable = certificates.iter().filter_map(|certificate| {
            let anchor = anchor_from_trusted_cert(certificate).ok()?.to_owned();
            Some((certificate.clone(), anchor))
        });
        let (certificates, anchors) = usable.unzip();
        Self { certificates, anchors, algorithms: provider.signature_verification_algorithms }
    }

    fn verify_chain(
        &self,
        certificate: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let verify_anchor = |path: &VerifiedPath<'_>| self.verify_anchor(path.anchor(), now);
        certificate
            .verify_for_usage(
                self.algorithms.all,
                &self.anchors,
                intermediates,
                now,
                KeyUsage::server_auth(),
                None,
                Some(&verify_anchor),
            )
            .map(drop)
            .map_err(|error| match error {
                // `openssl req -x509` marks its certificates as those of an authority.
                webpki::Error::CaUsedAsEndEntity if certificate.issuer() == certificate.subject() => {
                    webpki::Error::UnknownIssuer
                }
                error => error,
            })
    }

    /// Checks that a certificate with the key and the name of `anchor` is valid now and may sign others.
    fn verify_anchor(&self, anchor: &TrustAnchor<'_>, now: UnixTime) -> Result<(), webpki::Error> {
        let mut refusal = webpki::Error::UnknownIssuer;
        for (certificate, _) in
            self.certificates.iter().zip(&self.anchors).filter(|(_, other)| *other == anchor)
        {
            match examine(certificate, now) {
                Ok(Kind::Authority) => return Ok(()),
                Ok(Kind::Server) => refusal = webpki::Error::EndEntityUsedAsCa,
                Err(
                    error @ (webpki::Error::CertExpired { .. }
                    | webpki::Error::CertNotValidYet { .. }
                    | webpki::Error::InvalidCertValidity),
                ) => refusal = error,
                // Certificates of the first version are read as those of authorities alone.
                Err(_) => return Ok(()),
            }
        }
        Err(refusal)
    }
}

/// The kind of a certificate. Only an authority's may sign others.
enum Kind {
    Authority,
    Server,
}

/// Checks a certificate by itself, apart from any chain: its dates, and if it is a server's, its usage.
fn examine(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<Kind, webpki::Error> {
    let certificate = EndEntityCert::try_from(certificate)?;
    // Without any authority the search for the issuer has to fail, after the checks of the certificate itself.
    match certificate.verify_for_usage(&[], &[], &[], now, KeyUsage::server_auth(), None, None) {
        Err(webpki::Error::CaUsedAsEndEntity) => Ok(Kind::Authority),
        Ok(_) | Err(webpki::Error::UnknownIssuer) => Ok(Kind::Server),
        Err(error) => Err(error),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = if self.certificates.contains(end_entity) {
            examine(end_entity, now).map(drop)
        } else {
            EndEntityCert::try_from(end_entity)
                .and_then(|certificate| self.verify_chain(&certificate, intermediates, now))
        };
        verified.map_err(refusal)?;
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Returns webpki's error as rustls's own verifier would.
fn refusal(error: webpki::Error) -> rustls::Error {
    let error = match error {
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertExpired { time, not_after } => {
            CertificateError::ExpiredContext { time, not_after }
        }
        webpki::Error::CertNotValidYet { time, not_before } => {
            CertificateError::NotValidYetContext { time, not_before }
        }
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        error => CertificateError::Other(OtherError(Arc::new(error))),
    };
    error.into()
}

#[cfg(test)]
mod tests;
