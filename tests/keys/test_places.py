"""Places in addresses, and credentials that are issued: `region`, `project`, `location`, `credentials`, and what `auth` may be of
that kind. Whoever issues stands on loopback."""

import base64
import json
import os
import subprocess
import tempfile
import urllib.parse

from llm import AUTH, CONFIG, Client, refused
from server import Server
from suite import test

AWS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secretsecret", "AWS_SESSION_TOKEN": "session"}
FOREVER = "2099-01-01T00:00:00Z"


def house(server, **more):
    return {"providers": {"house": {"wire": "openai_chat", "base_url": server.url, **more}}, "retry": {"max_attempts": 1}}


def signed(server):
    """The access key in the signature of the one request."""
    header = server.only.headers["authorization"]
    assert header.startswith("AWS4-HMAC-SHA256 Credential="), header
    return header.split("=")[1].split("/")[0]


@test("providers.P.region", "providers.P.project", "providers.P.location", says="stand in the address, in braces")
def _():
    server, other = Server(), Server()
    said = house(server, region="r-1", project="p:2", location="eu")
    said["providers"]["house"]["base_url"] = server.url + "/{region}/{project}/{location}-x"
    Client(said).ask("house/m").succeeds("ok")
    assert server.only.path.startswith("/r-1/p:2/eu-x/"), server.only.path
    said["providers"]["house"].update(base_url=other.url + "/{location}-x", location="global")
    Client(said).ask("house/m").succeeds("ok")
    assert other.only.path.startswith("/x/"), other.only.path


@test("providers.P.region", says="is refused where it is missing, and where it would end a host")
def _():
    server = Server()
    said = house(server)
    said["providers"]["house"]["base_url"] = server.url + "/{region}"
    refused(lambda: Client(said), CONFIG, "region is missing", "[providers.house]")
    said["providers"]["house"]["region"] = "a/b"
    refused(lambda: Client(said), CONFIG, "providers.house.region", "letters, digits")
    refused(lambda: Client(house(server, auth="sigv4")), CONFIG, "auth sigv4 needs a region")


@test("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", says="sign where auth is sigv4, for the region")
def _():
    server = Server()
    os.environ.update(AWS)
    Client(house(server, auth="sigv4", region="eu-west-1")).ask("house/m").succeeds("ok")
    headers = server.only.headers
    assert signed(server) == "AKIDTEST"
    assert headers["authorization"].split(", ")[0].endswith("/eu-west-1/bedrock/aws4_request"), headers
    assert headers["x-amz-security-token"] == "session"
    assert "secretsecret" not in str(headers)


@test("providers.P.api_key", says="is a bearer token where auth is sigv4, google or entra, and nobody is asked for another")
def _():
    os.environ.update(AWS)
    for auth in ("sigv4", "google", "entra"):
        server = Server()
        Client(house(server, auth=auth, region="r", api_key="k")).ask("house/m").succeeds("ok")
        assert server.only.key == "Bearer k"


@test("AWS_EC2_METADATA_DISABLED", says="leaves sigv4 without keys, and the error says what to set")
def _():
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    client = Client(house(Server(), auth="sigv4", region="r"))
    refused(lambda: client.ask("house/m"), AUTH, "AWS_ACCESS_KEY_ID")


@test("AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", says="name the profile whose keys sign, and where it is written")
def _():
    server = Server()
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("[default]\naws_access_key_id=A\naws_secret_access_key=s\n[dev]\naws_access_key_id=B\naws_secret_access_key=s\n")
        file.flush()
        os.environ.update(AWS_SHARED_CREDENTIALS_FILE=file.name, AWS_PROFILE="dev", AWS_CONFIG_FILE="/no/such")
        Client(house(server, auth="sigv4", region="r")).ask("house/m").succeeds("ok")
        assert signed(server) == "B"
        os.environ["AWS_PROFILE"] = "prod"
        refused(lambda: Client(house(server, auth="sigv4", region="r")), CONFIG, "profile prod holds no keys")


def no_profile():
    os.environ.update(AWS_SHARED_CREDENTIALS_FILE="/no/such", AWS_CONFIG_FILE="/no/such")


@test("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", says="name the container's endpoint, which is asked once")
def _():
    issuer = Server(lambda it: it.whole(200, {"AccessKeyId": "C", "SecretAccessKey": "s", "Token": "t", "Expiration": FOREVER}))
    server = Server()
    no_profile()
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("proof\n")
        file.flush()
        os.environ.update(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{issuer.url}/creds", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=file.name)
        client = Client(house(server, auth="sigv4", region="r"))
        for _ in range(3):
            client.ask("house/m").succeeds("ok")
    assert (issuer.only.path, issuer.only.key) == ("/creds", "proof")
    assert all("Credential=C/" in request.key for request in server.requests) and len(server.requests) == 3
    os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/creds"
    refused(lambda: Client(house(server, auth="sigv4", region="r")), CONFIG, "neither https nor on this host")


@test("AWS_EC2_METADATA_SERVICE_ENDPOINT", says="is the instance's endpoint, asked with a token of its own")
def _():
    def answer(it):
        if it.request.method == "PUT":
            return it.whole(200, "imds")
        assert it.request.headers["x-aws-ec2-metadata-token"] == "imds"
        if it.request.path.endswith("/security-credentials/"):
            return it.whole(200, "role\n")
        it.whole(200, {"Code": "Success", "AccessKeyId": "I", "SecretAccessKey": "s", "Token": "t", "Expiration": FOREVER})

    issuer, server = Server(answer), Server()
    no_profile()
    os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = issuer.url
    Client(house(server, auth="sigv4", region="r")).ask("house/m").succeeds("ok")
    assert signed(server) == "I"
    assert [request.path.rsplit("/", 1)[1] for request in issuer.requests] == ["token", "", "role"]


@test("AWS_CONTAINER_CREDENTIALS_FULL_URI", says="that refuses ends the request, with what it says")
def _():
    issuer = Server(lambda it: it.whole(403, {"message": "not you"}))
    no_profile()
    os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = issuer.url
    Client(house(Server(), auth="sigv4", region="r")).ask("house/m").fails("auth", "not you")


def issuer_of_tokens(token="token-1"):
    return Server(lambda it: it.whole(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}))


def form(request):
    return dict(urllib.parse.parse_qsl(request.body.decode()))


@test("providers.P.credentials", says="is a service account's key, which signs a claim for a token", needs="openssl")
def _():
    issuer, server = issuer_of_tokens(), Server()
    with tempfile.TemporaryDirectory() as folder:
        key, public = f"{folder}/key", f"{folder}/public"
        run = lambda *command: subprocess.run(command, check=True, capture_output=True)
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        run("openssl", "pkey", "-in", key, "-pubout", "-out", public)
        account = {"type": "service_account", "client_email": "a@p", "private_key": open(key).read(), "private_key_id": "7",
                   "token_uri": f"{issuer.url}/token"}
        path = f"{folder}/account.json"
        with open(path, "w") as file:
            json.dump(account, file)
        Client(house(server, auth="google", credentials=path)).ask("house/m").succeeds("ok")
        assert server.only.key == "Bearer token-1"
        said = form(issuer.only)
        assert said["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        text, _, signature = said["assertion"].rpartition(".")
        plain = lambda part: base64.urlsafe_b64decode(part + "==")
        head, body = (json.loads(plain(part)) for part in text.split("."))
        assert head == {"alg": "RS256", "typ": "JWT", "kid": "7"}, head
        assert (body["iss"], body["aud"], body["exp"] - body["iat"]) == ("a@p", f"{issuer.url}/token", 3600), body
        with open(f"{folder}/signature", "wb") as file:
            file.write(plain(signature))
        with open(f"{folder}/text", "w") as file:
            file.write(text)
        run("openssl", "dgst", "-sha256", "-verify", public, "-signature", f"{folder}/signature", f"{folder}/text")


@test("GOOGLE_APPLICATION_CREDENTIALS", says="names a file of credentials, a user's sign-in too")
def _():
    issuer, server = issuer_of_tokens(), Server()
    user = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r&1", "token_uri": issuer.url}
    with tempfile.NamedTemporaryFile("w") as file:
        json.dump(user, file)
        file.flush()
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = file.name
        Client(house(server, auth="google")).ask("house/m").succeeds("ok")
    assert server.only.key == "Bearer token-1"
    assert form(issuer.only) == {"grant_type": "refresh_token", "client_id": "i", "client_secret": "s", "refresh_token": "r&1"}


@test("AZURE_CLIENT_SECRET", says="gets a token that no error tells, though the provider repeats it")
def _():
    issuer = issuer_of_tokens("eyJ0.canary.x")
    server = Server(lambda it: it.whole(401, {"error": {"message": f"{it.request.key} is no good"}}))
    os.environ.update(AZURE_TENANT_ID="t", AZURE_CLIENT_ID="i", AZURE_CLIENT_SECRET="s~1", AZURE_AUTHORITY_HOST=issuer.url)
    failed = Client(house(server, auth="entra")).ask("house/m").fails("auth", "Bearer *** is no good")
    assert server.only.key == "Bearer eyJ0.canary.x"
    assert not any(b"canary" in event.data for event in failed.events), failed.events


@test("GCE_METADATA_HOST", says="is the host of the metadata server, which is asked where no file is")
def _():
    issuer, server = issuer_of_tokens(), Server()
    os.environ.update(GCE_METADATA_HOST=issuer.url.removeprefix("http://"), HOME="/no/such")
    Client(house(server, auth="google")).ask("house/m").succeeds("ok")
    assert server.only.key == "Bearer token-1"
    assert issuer.only.headers["metadata-flavor"] == "Google"


@test("providers.P.credentials", says="is a file of Google's, and goes with auth google alone")
def _():
    refused(lambda: Client(house(Server(), credentials="x")), CONFIG, 'goes with auth = "google"')
    refused(lambda: Client(house(Server(), auth="google", credentials="/no/such")), CONFIG, "cannot read /no/such")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("{}")
        file.flush()
        refused(lambda: Client(house(Server(), auth="google", credentials=file.name)), CONFIG, "service account's key")


@test("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST", says="get a token of Microsoft Entra ID")
def _():
    issuer, server = issuer_of_tokens(), Server()
    os.environ.update(AZURE_TENANT_ID="t", AZURE_CLIENT_ID="i", AZURE_CLIENT_SECRET="s~1", AZURE_AUTHORITY_HOST=issuer.url)
    client = Client(house(server, auth="entra"))
    for _ in range(2):
        client.ask("house/m").succeeds("ok")
    assert [request.key for request in server.requests] == ["Bearer token-1"] * 2
    assert issuer.only.path == "/t/oauth2/v2.0/token"
    said = form(issuer.only)
    assert (said["grant_type"], said["client_secret"]) == ("client_credentials", "s~1"), said
