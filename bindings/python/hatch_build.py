"""Puts libllm.so into the wheel, and the platform into its name.

The library is taken from LLM_LIB_DIR, else from the repository's target/release or target/ci. Without
one the wheel is still built, for the platform `any`: it then loads a library that is installed.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "libllm.so"


class LibraryHook(BuildHookInterface[Any]):
    """Called by hatchling before a wheel is written."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the library to the files of the wheel."""
        if self.target_name != "wheel" or version == "editable":
            return
        library = find(Path(self.root))
        if library is None:
            self.app.display_warning(f"no {NAME}: this wheel will look for an installed one")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"
        build_data["force_include"][str(library)] = f"libllm/{NAME}"


def find(root: Path) -> Path | None:
    """The library to ship; an explicit folder that lacks it is an error."""
    folder = os.environ.get("LLM_LIB_DIR")
    if folder:
        library = Path(folder) / NAME
        if not library.is_file():
            raise FileNotFoundError(f"LLM_LIB_DIR names {folder}, which has no {NAME}")
        return library.resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or root.parent.parent / "target")
    for profile in ("release", "ci"):
        library = target / profile / NAME
        if library.is_file():
            return library.resolve()
    return None


def platform_tag() -> str:
    """LLM_WHEEL_PLATFORM where the builder knows better (manylinux), else this machine."""
    named = os.environ.get("LLM_WHEEL_PLATFORM")
    if named:
        return named
    system = "linux" if sys.platform.startswith("linux") else sys.platform
    return f"{system}_{platform.machine()}".lower()
