# A Python application for two platforms: wheels fetched for the target, and installed by emulation.

group "default" {
  targets = ["cross"]
}

target "_common" {
  platforms = ["linux/amd64", "linux/arm64"]
}

target "cross" {
  inherits = ["_common"]
  target   = "cross"
  tags     = ["wheel-example:cross"]
}

target "emulated" {
  inherits = ["_common"]
  target   = "emulated"
  tags     = ["wheel-example:emulated"]
}
