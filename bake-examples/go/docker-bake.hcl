# A Go program for three platforms: cross-compiled, and by an emulated compiler.
#
# TOOLS is an image with Go for this machine; empty for the official one.

variable "TOOLS" {
  default = ""
}

group "default" {
  targets = ["cross"]
}

target "_common" {
  platforms = ["linux/amd64", "linux/arm64", "linux/arm/v6"]
}

target "cross" {
  inherits = ["_common"]
  contexts = TOOLS == "" ? {} : { build-tools = TOOLS }
  target   = "cross"
  tags     = ["go-example:cross"]
}

target "emulated" {
  inherits = ["_common"]
  target   = "emulated"
  tags     = ["go-example:emulated"]
}
