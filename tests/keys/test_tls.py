"""`providers.P.tls` and the variables that name certificates: whom the library trusts, and under which name."""

import os
import pathlib
import shutil
import tempfile

import suite
from llm import CONFIG, Client, refused
from nginx import Authority, Nginx, secure
from server import HOST, Relay, Server
from suite import test


def port():
    return int(suite.TLS.rsplit(":", 1)[1])


def ask(host=HOST, at=None, **tls):
    place = {"wire": "openai_chat", "base_url": f"https://{host}:{at or port()}/v1", "tls": tls}
    return Client({"providers": {"house": place}, "retry": {"max_attempts": 1}}).ask("house/text=ok")


def trust_another():
    """An authority in the platform's place, so that it does not matter which ones this machine has."""
    os.environ["SSL_CERT_FILE"] = os.path.join(os.environ["LLM_ROOT"], "core/tests/data/ca.pem")


@test("providers.P.tls.ca_file", "providers.P.tls", says="is trusted beside the platform's, and nobody else is")
def _():
    trust_another()
    ask(ca_file=suite.CA).succeeds("ok")
    answer = ask().fails("connect", "certificate")
    assert answer.status == "LLM_ERR_CONNECT" and answer.last["phase"] == "connect", answer.last


@test("providers.P.tls.ca_file", says="counts for its own provider")
def _():
    trust_another()
    place = {"wire": "openai_chat", "base_url": f"{suite.TLS}/v1"}
    providers = {"trusting": {**place, "tls": {"ca_file": suite.CA}}, "wary": place}
    client = Client({"providers": providers, "retry": {"max_attempts": 1}})
    for _ in range(2):
        client.ask("trusting/text=ok").succeeds("ok")
        client.ask("wary/text=ok").fails("connect", "certificate")


@test("providers.P.tls.ca_file", says="that cannot be read, or holds no certificate, is refused")
def _():
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("no certificate")
        file.flush()
        for path, words in ("/no/such.pem", "cannot read /no/such.pem"), (file.name, "holds no certificate"):
            refused(lambda: ask(ca_file=path), CONFIG, "providers.house.tls.ca_file", words)


@test("providers.P.tls.server_name", says="is the name that the certificate must hold")
def _():
    # The certificate is for localhost and 127.0.0.1, not for this other address of the same machine.
    relay = Relay(port(), host="127.0.0.2")
    ask(host="127.0.0.2", at=relay.port, ca_file=suite.CA).fails("connect", "certificate")
    ask(host="127.0.0.2", at=relay.port, ca_file=suite.CA, server_name="localhost").succeeds("ok")
    ask(ca_file=suite.CA, server_name="house.example").fails("connect", "certificate")
    refused(lambda: ask(server_name="a b"), CONFIG, "providers.house.tls.server_name", "expected a host name")


@test("SSL_CERT_FILE", says="is trusted instead of the platform's certificates")
def _():
    os.environ["SSL_CERT_FILE"] = suite.CA
    ask().succeeds("ok")


@test("SSL_CERT_DIR", says="is a folder of such files")
def _():
    with tempfile.TemporaryDirectory() as folder:
        # OpenSSL's way to name them: a hash and a number.
        shutil.copy(suite.CA, pathlib.Path(folder, "0123abcd.0"))
        os.environ["SSL_CERT_DIR"] = folder
        ask().succeeds("ok")


@test("providers.P.tls.client_cert", "providers.P.tls.client_key", needs="nginx", says="are shown to a server that asks")
def _():
    ours, theirs = Authority("ours"), Authority("theirs")
    cert, key = ours.issue("house", "clientAuth")
    for listen in "ssl", "ssl http2":
        server = Server()
        asks = f"ssl_client_certificate {ours.file}; ssl_verify_client on;"
        with Nginx(server, listen, secure(theirs, asks)) as nginx:
            ask(at=nginx.port, ca_file=theirs.file, client_cert=cert, client_key=key).succeeds("ok")
            assert server.only.headers["x-client"] == "CN=house", server.only.headers
            # nginx says so as an answer, because it asks for certificates only politely.
            ask(at=nginx.port, ca_file=theirs.file).fails("invalid_request")
            other_cert, other_key = theirs.issue("house", "clientAuth")
            ask(at=nginx.port, ca_file=theirs.file, client_cert=other_cert, client_key=other_key).fails("invalid_request")
        assert len(server.requests) == 1


@test("providers.P.tls.client_cert", "providers.P.tls.client_key", needs="nginx", says="are not shown at another place")
def _():
    ours, theirs = Authority("ours"), Authority("theirs")
    cert, key = ours.issue("house", "clientAuth")
    server = Server()
    with Nginx(server, "ssl", secure(theirs, f"ssl_client_certificate {ours.file}; ssl_verify_client optional;")) as nginx:
        tls = {"ca_file": theirs.file, "client_cert": cert, "client_key": key}
        for port, shown in (nginx.port, "CN=house"), (1, None):
            place = {"wire": "openai_chat", "base_url": f"https://{HOST}:{port}/v1", "tls": tls}
            client = Client({"providers": {"house": place}, "retry": {"max_attempts": 1}})
            client.ask("house/m", json={"base_url": f"https://{HOST}:{nginx.port}/other"}).succeeds("ok")
            assert server.requests[-1].headers.get("x-client") == shown, server.requests[-1].headers


@test("providers.P.tls.client_cert", "providers.P.tls.client_key", needs="openssl", says="belong together")
def _():
    authority = Authority()
    cert, key = authority.issue("house", "clientAuth")
    _, other = authority.issue("other", "clientAuth")
    for said, *words in [
        ({"client_cert": cert}, "tls.client_cert", "client_key, which is missing"),
        ({"client_key": key}, "tls.client_key", "client_cert, which is missing"),
        ({"client_cert": cert, "client_key": other}, "tls.client_cert", "unusable with client_key"),
        ({"client_cert": cert, "client_key": cert}, "holds no private key"),
        ({"client_cert": key, "client_key": key}, "holds no certificate"),
        ({"client_cert": "/no/such", "client_key": key}, "tls.client_cert", "cannot read /no/such"),
    ]:
        error = refused(lambda: ask(**said), CONFIG, *words)
        with open(key, encoding="utf-8") as file:
            assert file.read().splitlines()[1] not in error.message
