//! Whom to trust and how: rustls with the platform's roots, more of them from a file, and the HTTP that ALPN offers.

use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use once_cell::race::OnceBox;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{Environment, Speak, Tls};
use crate::error::{Error, ErrorKind, Result};

/// Certificates that sign servers' certificates: the platform's, and more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// `SSL_CERT_FILE`: replaces the platform's.
    file: Option<PathBuf>,
    /// `SSL_CERT_DIR`: replaces the platform's.
    folders: Vec<PathBuf>,
    more: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// The platform's roots, or what OpenSSL's variables name instead. Nothing is read from disk yet.
    pub(crate) fn platform(environment: &dyn Environment) -> Trust {
        let folders = environment.var("SSL_CERT_DIR").unwrap_or_default();
        let folders = std::env::split_paths(&folders).filter(|path| !path.as_os_str().is_empty());
        Trust {
            file: environment.var("SSL_CERT_FILE").map(PathBuf::from),
            folders: folders.collect(),
            more: Vec::new(),
        }
    }

    /// Adds the certificates of a PEM text; there must be one, and each must be readable.
    pub(crate) fn add(&mut self, pem: &[u8]) -> Result<(), String> {
        let before = self.more.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| format!("unreadable PEM: {error:?}"))?;
            let checked = RootCertStore::empty().add(certificate.clone());
            checked.map_err(|error| format!("unusable certificate: {error}"))?;
            self.more.push(certificate);
        }
        if self.more.len() == before {
            return Err("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned());
        }
        Ok(())
    }

    /// Without what `add` added.
    fn is_platform_of(&self, other: &Trust) -> bool {
        self.file == other.file && self.folders == other.folders
    }

    fn load(&self) -> Vec<CertificateDer<'static>> {
        if self.file.is_none() && self.folders.is_empty() {
            return rustls_native_certs::load_native_certs().certs;
        }
        let load = rustls_native_certs::load_certs_from_paths;
        let mut found = load(self.file.as_deref(), None).certs;
        for folder in &self.folders {
            found.extend(load(None, Some(folder)).certs);
        }
        found
    }
}

impl Hash for Trust {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.file, &self.folders).hash(state);
        self.more
            .iter()
            .for_each(|certificate| certificate.as_ref().hash(state));
    }
}

/// A certificate of our own and its key, for servers that ask who we are.
#[derive(Clone)]
pub(crate) struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads a certificate with those between it and its authority, and its key, each in PEM.
    pub(crate) fn read(certificates: &[u8], key: &[u8]) -> Result<Identity, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|error| format!("unreadable PEM: {error:?}"))?;
        if chain.is_empty() {
            return Err("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)".to_owned());
        }
        // Without the parser's words, which may be the key's.
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| "client_key holds no private key in PEM".to_owned())?;
        let provider = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(chain, key, &provider)
            .map(|known| Identity(Arc::new(known)))
            .map_err(|error| format!("unusable with client_key: {error}"))
    }
}

// The same certificate is the same identity; of two readings of one key nothing better can be said than that.
impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        self.0.cert == other.0.cert
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.cert.hash(state);
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(***)")
    }
}

/// The settings of a connection to this provider; each has its own sessions to resume.
pub(crate) fn client_config(tls: &Tls, speak: Speak) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, format!("tls: {error}")))?;
    let builder = builder.with_root_certificates(roots(&tls.trust)?);
    let mut config = match &tls.identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.0.clone())))
        }
        None => builder.with_no_client_auth(),
    };
    let offered: &[&[u8]] = match speak {
        Speak::Best => &[HTTP2, HTTP1],
        Speak::One => &[HTTP1],
        Speak::Two => &[HTTP2],
    };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// What ALPN calls the two (RFC 7301 6, RFC 9113 3.1).
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The name the server's certificate must hold, if it is not the URL's host.
pub(crate) fn server_name(tls: &Tls) -> Result<Option<ServerName<'static>>> {
    let Some(name) = &tls.server_name else {
        return Ok(None);
    };
    let parsed = ServerName::try_from(name.clone())
        .map_err(|_| Error::new(ErrorKind::Config, "expected a host name or an IP address"))?;
    Ok(Some(parsed))
}

// The platform's roots are a hundred and more certificates: read once, at the first connection that needs them, and shared.
// Not behind a lock: a fork may come while another thread holds it.
fn roots(trust: &Trust) -> Result<Arc<RootCertStore>> {
    static PLATFORM: OnceBox<(Trust, Arc<RootCertStore>)> = OnceBox::new();
    let (known, store) = PLATFORM.get_or_init(|| {
        let platform = Trust {
            more: Vec::new(),
            ..trust.clone()
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(platform.load());
        Box::new((platform, Arc::new(store)))
    });
    if trust.more.is_empty() && trust.is_platform_of(known) && !store.is_empty() {
        return Ok(store.clone());
    }
    let mut all = RootCertStore::empty();
    match trust.is_platform_of(known) {
        true => all.extend(store.roots.iter().cloned()),
        false => drop(all.add_parsable_certificates(trust.load())),
    }
    all.add_parsable_certificates(trust.more.iter().cloned());
    if all.is_empty() {
        let message = "no root certificates found: install the platform's, or name a file in SSL_CERT_FILE or tls.ca_file";
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(Arc::new(all))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const CA: &str = include_str!("../../tests/data/ca.pem");

    /// One variable, and no files.
    struct Variable(&'static str, &'static str);

    impl Environment for Variable {
        fn var(&self, name: &str) -> Option<String> {
            (name == self.0).then(|| self.1.to_owned())
        }

        fn read(&self, _: &str) -> io::Result<String> {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn tls(variable: Variable, ca: Option<&str>) -> Tls {
        let mut trust = Trust::platform(&variable);
        if let Some(ca) = ca {
            trust.add(ca.as_bytes()).unwrap();
        }
        Tls {
            trust,
            ..Tls::default()
        }
    }

    #[test]
    fn more_certificates_are_added_to_those_that_the_environment_names() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/ca.pem");
        let roots = |tls: &Tls| roots(&tls.trust).map(|store| store.len());
        let named = tls(Variable("SSL_CERT_FILE", file), None);
        assert_eq!(roots(&named).unwrap(), 1);
        assert_eq!(
            roots(&tls(Variable("SSL_CERT_FILE", file), Some(CA))).unwrap(),
            2
        );
        let offered = |speak| client_config(&named, speak).unwrap().alpn_protocols.clone();
        assert_eq!(offered(Speak::Best), [HTTP2, HTTP1]);
        assert_eq!(offered(Speak::One), [HTTP1]);
        assert_eq!(offered(Speak::Two), [HTTP2]);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/no-such-folder");
        assert_eq!(
            roots(&tls(Variable("SSL_CERT_DIR", folder), Some(CA))).unwrap(),
            1
        );
        let error = roots(&tls(Variable("SSL_CERT_DIR", folder), None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let platform = roots(&tls(Variable("", ""), None)).unwrap_or(0);
        assert_eq!(
            roots(&tls(Variable("", ""), Some(CA))).unwrap(),
            platform + 1
        );
    }

    #[test]
    fn unusable_certificates_are_refused_when_they_are_read() {
        let mut trust = Trust::default();
        let broken = CA.replacen("MII", "AII", 1);
        let cut = &CA[..CA.len() / 2];
        for pem in ["", "no certificate", &broken, cut] {
            assert!(trust.add(pem.as_bytes()).is_err(), "{pem}");
        }
    }

    #[test]
    fn a_servers_name_is_a_host_or_an_address() {
        let named = |name: &str| Tls {
            server_name: Some(name.into()),
            ..Tls::default()
        };
        for name in ["house.example", "10.0.0.1", "::1"] {
            assert!(server_name(&named(name)).unwrap().is_some(), "{name}");
        }
        assert!(server_name(&Tls::default()).unwrap().is_none());
        for name in ["", "a b", "https://h"] {
            assert_eq!(
                server_name(&named(name)).unwrap_err().kind(),
                ErrorKind::Config,
                "{name}"
            );
        }
    }
}
