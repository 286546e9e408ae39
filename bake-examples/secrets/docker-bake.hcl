# A build step that uses two secrets: one from the environment, one from a file.
#
# BASE is any image with a shell; see README.md for one that needs no registry.

variable "BASE" {
  default = "docker-image://busybox:1.37"
}

group "default" {
  targets = ["secrets"]
}

target "secrets" {
  contexts = {
    base = BASE
  }
  secret = [
    "type=env,id=token,env=EXAMPLE_TOKEN",
    "type=file,id=settings,src=settings.secret",
  ]
  tags = ["secrets:latest"]
}
