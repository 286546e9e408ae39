# An image that is published only if its test succeeds on every platform.
#
# BASE is any image with a shell; see ../hello/README.md for one that needs no registry.

variable "BASE" {
  default = "docker-image://busybox:1.37"
}

variable "IMAGE" {
  default = "answer"
}

target "default" {
  contexts  = { base = BASE }
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${IMAGE}:latest"]

  publish {
    requires = ["test"]
  }
}

# It names no platforms: it is run on those of its target. It starts from the very image that is
# going to be published.
target "test" {
  dockerfile = "test.Dockerfile"
  contexts   = { image = "target:default" }
}
