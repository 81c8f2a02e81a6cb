//! TLS for the mock: given files, or an authority made on the spot.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::options::Tls;

/// The acceptor that `tls` asks for; `ip` is the address served, a name of the test certificate.
pub(crate) fn acceptor(tls: &Tls, ip: &str) -> Result<TlsAcceptor, String> {
    let (chain, key) = match tls {
        Tls::Files(chain, key) => files(chain, key)?,
        Tls::TestAuthority(folder) => test_authority(folder, ip)?,
    };
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| format!("--tls: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn files(chain: &Path, key: &Path) -> Result<Identity, String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(chain, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    Ok((certificates, key))
}

/// Makes an authority and a certificate for this machine's loopback names. The authority's key is never written.
fn test_authority(folder: &Path, ip: &str) -> Result<Identity, String> {
    let (authority, leaf, key) = certify(ip).map_err(|error| format!("--tls-test-ca: {error}"))?;
    let file = folder.join("ca.pem");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, authority))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| format!("--tls-test-ca: {error}"))?;
    Ok((vec![leaf], key))
}

fn certify(ip: &str) -> Result<(String, CertificateDer<'static>, KeyPair), rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params
        .distinguished_name
        .push(DnType::CommonName, "libllm mock test CA");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let names = ["localhost", "127.0.0.1", "::1", ip].map(str::to_owned);
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "libllm mock");
    let key = KeyPair::generate()?;
    let leaf = params.signed_by(&key, &authority)?;
    Ok((authority.pem(), leaf.der().clone(), key))
}
