variable "TAG" {
  default = "1.0"
}

variable "REGISTRY" {
  default = "registry.example"
}

group "default" {
  targets = ["app", "db"]
}

target "base" {
  args = {
    VERSION = TAG
  }
  labels = {
    "org.opencontainers.image.version" = TAG
  }
}

target "app" {
  inherits  = ["base"]
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${REGISTRY}/app:${TAG}", "${REGISTRY}/app:latest"]
}

target "db" {
  inherits = ["base"]
  context  = "db"
}
