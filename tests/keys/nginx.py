"""nginx between the library and a server of these tests: HTTP/2 and TLS by a real implementation. What it passes on says how it
was asked: the headers `x-protocol` and `x-connection`."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading

from server import HOST

PATH = os.environ["PATH"] + ":/usr/sbin"
CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; {temporary}
  upstream behind {{ server {host}:{port}; keepalive 64; }}
  server {{
    listen {host}:{own} {listen};
    {more}
    location / {{
      proxy_pass http://behind; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection "";
      proxy_set_header X-Protocol $server_protocol; proxy_set_header X-Connection $connection;
      proxy_set_header X-Client $ssl_client_s_dn;
    }}
  }}
}}
"""


class Nginx:
    """Listens as `listen` says (`http2`, `ssl http2`, ..) in front of `server`; `more` are directives of its own."""

    def __init__(self, server, listen, more=""):
        self.folder = tempfile.mkdtemp(prefix="nginx-", dir=os.environ.get("LLM_WORK"))
        self.port = free_port()
        names = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"
        temporary = " ".join(f"{name}_temp_path {self.folder}/{name};" for name in names)
        text = CONFIG.format(folder=self.folder, temporary=temporary, host=HOST, port=server.port, own=self.port,
                             listen=listen, more=more)
        path = pathlib.Path(self.folder, "nginx.conf")
        path.write_text(text)
        command = [shutil.which("nginx", path=PATH), "-p", self.folder, "-c", path, "-e", f"{self.folder}/error.log"]
        self.process = subprocess.Popen(command)
        self.wait()

    def wait(self):
        """Until it listens."""
        while True:
            assert self.process.poll() is None, pathlib.Path(self.folder, "error.log").read_text()
            try:
                return socket.create_connection((HOST, self.port)).close()
            except ConnectionRefusedError:
                threading.Event().wait(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


def free_port():
    with socket.create_server((HOST, 0)) as listener:
        return listener.getsockname()[1]


class Authority:
    """A certificate authority of its own, by the command openssl."""

    def __init__(self, name="tests"):
        # Its keys go when it does.
        self.own = tempfile.TemporaryDirectory(prefix="authority-", dir=os.environ.get("LLM_WORK"))
        self.folder = self.own.name
        self.file = self.path("ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-keyout", self.path("ca.key"), "-out", self.file)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, usage):
        """Certificate and key of `name`, for `serverAuth` or `clientAuth`."""
        wish, key, made = self.path(f"{name}.csr"), self.path(f"{name}.key"), self.path(f"{name}.pem")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", key, "-out", wish)
        extensions = self.path(f"{name}.ext")
        pathlib.Path(extensions).write_text(
            f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", wish, "-CA", self.file, "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", made)
        return made, key


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def secure(authority, *more):
    """Directives of a server with a certificate of this authority."""
    made, key = authority.issue("localhost", "serverAuth")
    return " ".join([f"ssl_certificate {made}; ssl_certificate_key {key};", *more])
