# One image for four platforms.
#
# BASE is any image with a shell; see README.md for one that needs no registry.

variable "BASE" {
  default = "docker-image://busybox:1.37"
}

variable "IMAGE" {
  default = "hello"
}

group "default" {
  targets = ["hello"]
}

target "hello" {
  contexts = {
    base = BASE
  }
  platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64"]
  tags      = ["${IMAGE}:latest"]
}
