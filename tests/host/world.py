"""What all cases share: the guests, built; the servers; and the processes, run and judged."""
import concurrent.futures
import os
import shlex
import shutil
import signal
import subprocess
import sys
import types

import servers

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../keys"))
import nginx  # noqa: E402
# Two at once, as machines of continuous integration have two processors.
WORKERS = 3


def say(line):
    print(line, flush=True)


class World:
    def __init__(self, long, folder=".", built=None):
        """In a folder of the suite's own; with the guests of another world, or built anew."""
        self.long, self.library = long, os.path.join(os.environ["LLM_LIB_DIR"], "libllm.so")
        self.work = os.path.normpath(os.path.join(os.environ["LLM_WORK"], folder))
        os.makedirs(self.work, exist_ok=True)
        self.guests = built.guests if built else self.work
        foreign = ("LLM_CONFIG", "LLM_LOG", "OPENAI_API_KEY")
        self.env = {name: value for name, value in os.environ.items() if name not in foreign and not name.lower().endswith("_proxy")}
        self.env["PYTHONDONTWRITEBYTECODE"] = "1"
        if not built:
            self.build()
        mock = os.environ["LLM_BIN"]
        self.mock, self.tls = servers.Mock(mock), servers.Mock(mock, "--tls-test-ca", self.work)
        self.flood = servers.Flood()
        self.env |= {"MOCK": self.mock.origin, "MOCK_TLS": self.tls.origin, "MOCK_CA": os.path.join(self.work, "ca.pem"), "FLOOD": self.flood.origin}
        self.cut(servers.in_writing)
        # HTTP/2 by a server of others; without one, `h` is HTTP/1.1 like `m`.
        self.fronts = []
        if shutil.which("nginx", path=nginx.PATH):
            for name in ("MOCK", "FLOOD"):
                front = nginx.Nginx(types.SimpleNamespace(port=self.env[name].rsplit(":", 1)[1]), "http2")
                self.env[f"{name}_H2"] = f"http://127.0.0.1:{front.port}"
                self.fronts.append(front)

    def cut(self, how):
        """From now on, connections to the providers `c` and `k` are cut so."""
        self.env |= {"CUT": servers.Cutter(self.mock.origin, how(1)).origin, "CUT_TLS": servers.Cutter(self.tls.origin, how(2)).origin}

    def close(self):
        for server in (self.mock, self.tls, self.flood):
            server.kill()
        for front in self.fronts:
            front.__exit__()

    def build(self):
        """Each source is one guest, except those of soak.py and of LD_PRELOAD."""
        library = os.path.dirname(self.library)
        link = [f"-L{library}", "-lllm", f"-Wl,-rpath,{library}"]
        warn = ["-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{os.environ['LLM_INCLUDE']}"]
        c = [*shlex.split(os.environ.get("CC", "cc")), "-std=c11", "-D_GNU_SOURCE", *warn]
        cxx = [*shlex.split(os.environ.get("CXX", "c++")), "-std=c++17", *warn]
        for source in sorted(os.listdir(HERE)):
            name, kind = os.path.splitext(source)
            if kind not in (".c", ".cpp"):
                continue
            way = ["-shared", "-fPIC", "-ldl"] if name == "resolver" else ["-lpthread", "-ldl"] if name == "loads" else [*link, "-lpthread"]
            out = self.guest(name) + (".so" if name == "resolver" else "")
            subprocess.run([*(c if kind == ".c" else cxx), os.path.join(HERE, source), "-o", out, *way], check=True)

    def guest(self, name):
        return os.path.join(self.guests, name)

    def command(self, language, name, *arguments):
        first = [sys.executable, os.path.join(HERE, "guest.py"), name] if language == "Python" else [self.guest(name)]
        return [*first, *map(str, arguments)]


class Case:
    """Processes that are run, some at once, and how each ended. `wanted` is the exit code, or minus a signal."""

    def __init__(self, title, language, commands, wanted=0, limit=60, env=None, during=None, workers=WORKERS):
        self.title, self.language, self.commands, self.wanted = title, language, commands, wanted
        self.limit, self.env, self.during, self.workers = limit, env or {}, during, workers
        self.processes, self.abnormal, self.seen = 0, [], ""

    def run(self, world):
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            for words in pool.map(lambda command: self._one(world, command), self.commands):
                self.processes += 1
                self.seen = words or self.seen

    def _one(self, world, command):
        # A group of its own, so that what a guest left behind ends with it.
        child = subprocess.Popen(command, env=world.env | self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True, errors="replace", start_new_session=True)
        try:
            if self.during:
                self.during(child)
            out, err = child.communicate(timeout=self.limit)
            if child.returncode != self.wanted or (err and self.wanted >= 0):
                self.abnormal.append(f"{shlex.join(command[-3:])}: {ended(child.returncode)}, not {self.wanted}: {err[-400:].strip()}")
            return out.strip().split("\n")[-1]
        except subprocess.TimeoutExpired:
            self.abnormal.append(f"{shlex.join(command[-3:])}: still there after {self.limit} s")
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.communicate()


def ended(code):
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
