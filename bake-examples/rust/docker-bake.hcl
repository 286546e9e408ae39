# A Rust program for two platforms: cross-compiled, and by an emulated compiler.

group "default" {
  targets = ["cross"]
}

# One target for each platform: which of Rust's targets it is depends on the platform.
target "cross" {
  name   = "cross-${item.name}"
  matrix = {
    item = [
      { name = "arm64", platform = "linux/arm64", rust = "aarch64-unknown-linux-musl" },
      { name = "armv7", platform = "linux/arm/v7", rust = "armv7-unknown-linux-musleabihf" },
    ]
  }
  platforms = [item.platform]
  args      = { BAKEX_RUST_TARGET = item.rust }
  target    = "cross"
  tags      = ["rust-example:${item.name}"]
}

target "emulated" {
  platforms = ["linux/arm64", "linux/arm/v7"]
  target    = "emulated"
  tags      = ["rust-example:emulated"]
}
