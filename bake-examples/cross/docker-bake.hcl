# A C program for linux/arm64: compiled by a cross compiler, and by an emulated native one.
#
# TOOLS is an image with the compilers, for both this machine and linux/arm64; empty to have them
# installed by the Dockerfile. See README.md for one that needs no registry.

variable "TOOLS" {
  default = ""
}

group "default" {
  targets = ["cross", "emulated"]
}

target "_common" {
  contexts  = TOOLS == "" ? {} : { build-tools = TOOLS, target-tools = TOOLS }
  platforms = ["linux/arm64"]
}

target "cross" {
  inherits = ["_common"]
  target   = "cross"
  tags     = ["cross:cross"]
}

target "emulated" {
  inherits = ["_common"]
  target   = "emulated"
  tags     = ["cross:emulated"]
}
