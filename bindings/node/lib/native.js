'use strict';
// Finds the addon: LIBLLM_NODE names the file, else it is in this platform's package, an optional dependency of this one.

const name = `@libllm/${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`;

function load() {
  if (process.env.LIBLLM_NODE) {
    return require(process.env.LIBLLM_NODE);
  }
  try {
    return require(name);
  } catch (error) {
    const absent = error.code === 'MODULE_NOT_FOUND';
    const why = absent ? 'there is no build for this platform, or optional dependencies were left out' : error.message;
    throw new Error(`libllm: cannot load ${name}: ${why}`, { cause: error });
  }
}

module.exports = load();
