#!/usr/bin/env bash
# Prints libllm.pc for a prefix. `Libs.private` is what a static link needs beside libllm.a.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
cat << PC
prefix=${1:?usage: pkg-config.sh PREFIX}
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: libllm
Description: An LLM client and gateway inside your process
Version: $version
Libs: -L\${libdir} -lllm
Libs.private: -lpthread -ldl -lm -lgcc_s -lutil -lrt
Cflags: -I\${includedir}
PC
