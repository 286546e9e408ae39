# A C program for a Raspberry Pi 4, tuned for its processor: by a cross compiler, and emulated.
#
# `device` selects the platform and gives the Dockerfile the options of the compiler; for another
# board: bakex bake --device raspberry-pi-3 (see bakex platform devices).
#
# TOOLS is as in ../cross.

variable "TOOLS" {
  default = ""
}

group "default" {
  targets = ["cross", "emulated"]
}

target "_common" {
  contexts = TOOLS == "" ? {} : { build-tools = TOOLS, target-tools = TOOLS }
  device   = "raspberry-pi-4"
}

target "cross" {
  inherits = ["_common"]
  target   = "cross"
  tags     = ["raspberry-pi:cross"]
}

target "emulated" {
  inherits = ["_common"]
  target   = "emulated"
  tags     = ["raspberry-pi:emulated"]
}
