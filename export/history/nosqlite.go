//go:build mips || mipsle || mips64 || mips64le || ppc64 || wasm

package history

// Supported reports whether there is SQLite for this platform, and so a history.
const Supported = false
