"""The package's version; the library has its own, see libllm.library_version()."""

__version__ = "0.1.0"
