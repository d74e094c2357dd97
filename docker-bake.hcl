// All images for both architectures, with provenance and a bill of materials:
// REGISTRY=registry.example.com/analytics docker buildx bake --push
variable "REGISTRY" { default = "footfall" }
variable "VERSION" { default = "0.1.0" }
variable "REVISION" { default = "unknown" }

group "default" { targets = ["collector", "stream-app", "sinks", "dashboard", "registry"] }

target "service" {
  platforms = ["linux/amd64", "linux/arm64"]
  args      = { VERSION = VERSION, REVISION = REVISION }
  attest    = ["type=provenance,mode=max", "type=sbom"]
}

target "collector" {
  inherits = ["service"]
  target   = "collector"
  tags     = ["${REGISTRY}/footfall-collector:${VERSION}"]
}

target "stream-app" {
  inherits = ["service"]
  target   = "stream-app"
  tags     = ["${REGISTRY}/footfall-stream-app:${VERSION}"]
}

target "sinks" {
  inherits = ["service"]
  target   = "sinks"
  tags     = ["${REGISTRY}/footfall-sinks:${VERSION}"]
}

target "dashboard" {
  inherits = ["service"]
  target   = "dashboard"
  tags     = ["${REGISTRY}/footfall-dashboard:${VERSION}"]
}

target "registry" {
  inherits = ["service"]
  target   = "registry"
  tags     = ["${REGISTRY}/footfall-registry:${VERSION}"]
}
